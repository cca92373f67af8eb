import type { NodeEvent } from './events.ts';
import type { ResultMessage } from './mqtt.ts';
import type { CameraReport, ConsumerReport, ModelReport } from './report.ts';

/** Statistics of a consumer, every 10 s. */
export interface ConsumerStatistics {
  readonly camera: string;
  readonly consumer: string;
  readonly report: ConsumerReport;
}

/** One item of the stream that a node's subscribers read. */
export type NodeItem =
  | { readonly type: 'result'; readonly result: ResultMessage }
  | { readonly type: 'stats'; readonly stats: ConsumerStatistics }
  | { readonly type: 'event'; readonly event: NodeEvent };

/** What a view draws. Counters are as last heard; drawing asks nobody. */
export interface NodeStatus {
  readonly node: string;
  readonly upMs: number;
  readonly shmBytes: number;
  /** For people: `off`, `connected`, `not connected`. */
  readonly mqtt: string;
  readonly cameras: ReadonlyMap<string, { readonly report: CameraReport; readonly message: string | null }>;
  readonly models: ReadonlyMap<string, ModelReport>;
}

/** Something that somebody must look at. */
export interface HealthProblem {
  /** `worker_failed`, `blind`. */
  readonly code: string;
  readonly message: string;
}
