import type {
  CameraReport,
  CameraStateMessage,
  EventMessage,
  ModelReport,
  ResultMessage,
  WorkerStateMessage,
} from '@vigia/contracts';

/** What a view is told, besides log lines. */
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

/** What a view reads when it draws. */
export interface NodeStatus {
  readonly node: string;
  readonly upMs: number;
  readonly shmBytes: number;
  /** For people: `off`, `connected to mqtt://…`. */
  readonly mqtt: string;
  readonly cameras: ReadonlyMap<string, { readonly report: CameraReport; readonly message: string | null }>;
  readonly models: ReadonlyMap<string, ModelReport>;
}

/** One way of showing a running node. */
export interface View {
  onEvent(event: ViewEvent): void;
  onLog(line: string): void;
  /** Draws; called a few times a second. */
  draw(status: NodeStatus): void;
  /** Leaves the terminal as it was. Idempotent. */
  close(): void;
}
