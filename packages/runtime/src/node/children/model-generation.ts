import type { ModelReport } from '@vigia/contracts';
import type { Generation } from './generation.ts';

/** One configured life of a model, whoever starts its container. */
export interface ModelGeneration extends Generation {
  /** Where cameras reach the container. */
  readonly socketPath: string;
  /** Counters as last heard, at most about a second old. */
  recentReport(): ModelReport;
  /** Counters as of now, or as last heard when the container does not answer. */
  report(): Promise<ModelReport>;
}
