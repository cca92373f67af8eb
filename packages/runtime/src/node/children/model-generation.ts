import type { ModelReport } from '@vigia/contracts';
import type { Generation } from './generation.ts';

/** A generation of a model. Either vigia or another program starts its container. */
export interface ModelGeneration extends Generation {
  /** The socket that cameras connect to. */
  readonly socketPath: string;
  /** The latest known counters, at most about a second old. */
  recentReport(): ModelReport;
  /** Current counters, or the latest known ones when the container does not answer. */
  report(): Promise<ModelReport>;
}
