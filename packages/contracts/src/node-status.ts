import type { CameraStateMessage, EventMessage, ResultMessage, WorkerStateMessage } from './mqtt.ts';
import type { CameraReport, ModelReport } from './report.ts';

/** The input of a view, besides log lines. */
export type ViewEvent =
  | { readonly type: 'result'; readonly result: ResultMessage }
  | { readonly type: 'camera_state'; readonly state: CameraStateMessage }
  | { readonly type: 'worker_state'; readonly state: WorkerStateMessage }
  | { readonly type: 'event'; readonly event: EventMessage }
  | {
      readonly type: 'model_state';
      readonly model: string;
      readonly state: ModelReport['state'];
      readonly reason: string | null;
    };

/** Read by a view whenever it draws. */
export interface NodeStatus {
  readonly node: string;
  readonly upMs: number;
  readonly shmBytes: number;
  /** For display: `off`, `connected to mqtt://…`. */
  readonly mqtt: string;
  readonly cameras: ReadonlyMap<string, { readonly report: CameraReport; readonly message: string | null }>;
  readonly models: ReadonlyMap<string, ModelReport>;
}
