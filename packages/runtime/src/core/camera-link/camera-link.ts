import type {
  CameraConfig,
  CameraState,
  ConsumerReport,
  EventMessage,
  MainStreamReport,
  ResultMessage,
  SlaClass,
  StreamReport,
  WorkerConfig,
  WorkerStateMessage,
  WorkerTransport,
} from '@vigia/contracts';
import type { CpuShare } from '#core/cpu';
import type { Region, RenditionSpec } from '#core/media';

/** What a camera process is told first. Sent over the channel and never on the command line: the source holds secrets. */
export interface CameraSetup {
  readonly node: string;
  /** Where the supervisor keeps its sockets: cleaned up by who outlives it. */
  readonly runDir: string;
  readonly camera: string;
  readonly source: SourceSetup;
  /** The stream that the models look at, when it is not `source`. */
  readonly detectSource: SourceSetup | undefined;
  readonly decode: DecodeSetup;
  readonly roi: Region;
  readonly consumers: readonly ConsumerSetup[];
  /** Values that stand in the environment of its workers and must not be printed. */
  readonly secrets: readonly string[];
}

/** Where a stream comes from. */
export interface SourceSetup {
  /** May hold credentials: never logged. */
  readonly url: string;
  readonly transport: CameraConfig['transport'];
  readonly tls: CameraConfig['tls'];
}

/** How a stream is decoded. */
export interface DecodeSetup {
  readonly mode: CameraConfig['decode'];
  readonly onLoss: CameraConfig['on_loss'];
  readonly threads: number;
  readonly hardware: CameraConfig['decoder']['hardware'];
  /** All models of the camera allow it. */
  readonly skipLoopFilter: boolean;
  /** Pixels. */
  readonly maxPicture: CameraConfig['max_picture'];
}

/** One consumer, with everything about its model or worker that the camera process needs. */
export type ConsumerSetup = ModelConsumerSetup | WorkerConsumerSetup;

interface AnyConsumerSetup {
  readonly id: string;
  /** The pictures it gets; of a worker, the largest that it may ask for. */
  readonly input: RenditionSpec;
  readonly fps: number | undefined;
  readonly sla: SlaClass;
  readonly deadlineMs: number;
  /** An older ok result breaches the SLA. Milliseconds. */
  readonly maxAgeMs: number | undefined;
}

/** A consumer whose pictures go to a model's container. */
export interface ModelConsumerSetup extends AnyConsumerSetup {
  readonly kind: 'model';
  readonly model: string;
  readonly socketPath: string;
}

/** A consumer whose pictures go to a program of the user's. */
export interface WorkerConsumerSetup extends AnyConsumerSetup {
  readonly kind: 'worker';
  readonly worker: WorkerSetup;
}

/** How a worker is started, fed and restarted. */
export interface WorkerSetup {
  readonly id: string;
  readonly program:
    | { readonly command: readonly string[]; readonly dir: string | undefined }
    /** Path of a JavaScript file, for a thread. */
    | { readonly module: string };
  readonly transport: WorkerTransport | 'thread';
  /** Pictures are compressed before they are sent. */
  readonly jpeg: boolean;
  /** Besides vigia's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of vigia's own that hold secrets of the configuration: not passed on. */
  readonly withheld: readonly string[];
  readonly options: WorkerConfig['options'];
  readonly startTimeoutMs: number;
  readonly hangTimeoutMs: number;
  readonly restart: RestartPolicy;
  readonly cpu: CpuShare;
  /** Most memory of its own, MiB; undefined: not bounded. */
  readonly memoryMib: number | undefined;
}

/** What happens when a worker ends by itself (WL4). */
export interface RestartPolicy {
  /** One restart after each of these waits. Milliseconds. */
  readonly delaysMs: readonly number[];
  /** The last wait is repeated for ever. */
  readonly unlimited: boolean;
  /** A failed worker is tried again this often; undefined: never. Milliseconds. */
  readonly probeMs: number | undefined;
}

/** What a consumer itself counts; the rest of its report is added by who owns it. */
export type ConsumerCounts = Omit<ConsumerReport, 'age_ms' | 'restarts' | 'sla_window' | 'slowed'>;
/** A consumer's part of a snapshot. Of a model, `restarts` is 0. */
export type ConsumerSnapshot = Omit<ConsumerReport, 'age_ms'>;

/** Counters of one camera process, taken in one turn of its loop: the equations of AD2 hold in it. */
export interface CameraSnapshot {
  readonly capture: {
    readonly captured: number;
    readonly published: number;
    readonly noDemand: number;
    readonly undecodable: number;
    readonly late: number;
    readonly inDecoder: number;
    readonly reconnects: number;
    readonly lostPackets: number;
    readonly concealed: number;
  };
  /** Null before the first connection. */
  readonly stream: StreamReport | null;
  /** Null without a second stream. */
  readonly main: MainStreamReport | null;
  readonly supplier: {
    readonly published: number;
    readonly distributed: number;
    readonly inboxDrops: number;
    readonly inboxPending: number;
  };
  readonly consumers: Readonly<Record<string, ConsumerSnapshot>>;
  /** Results that the supervisor did not get because it was not reading. */
  readonly unsentResults: number;
}

/** Supervisor → camera process. */
export type ToCamera =
  | { readonly type: 'setup'; readonly setup: CameraSetup }
  | { readonly type: 'snapshot'; readonly id: number }
  | { readonly type: 'picture'; readonly id: number; readonly annotated: boolean }
  /** Another rate for a consumer: slower than configured, or with null as configured. */
  | { readonly type: 'pace'; readonly consumer: string; readonly slowed: ConsumerReport['slowed'] }
  /** A worker must go, and its policy says what then. One that has another process by now is left alone. */
  | {
      readonly type: 'end_worker';
      readonly consumer: string;
      readonly pid: number;
      readonly code: string;
      /** Completes "the worker …". */
      readonly message: string;
    }
  /** Somebody wants a worker to be started again. */
  | { readonly type: 'restart_worker'; readonly consumer: string }
  | { readonly type: 'stop' };

/** Camera process → supervisor. */
export type FromCamera =
  | { readonly type: 'ready' }
  | {
      readonly type: 'state';
      readonly state: CameraState;
      readonly reason: string | null;
      readonly message: string | null;
      readonly retryInMs: number | null;
    }
  | { readonly type: 'result'; readonly result: ResultMessage }
  | { readonly type: 'worker_state'; readonly state: WorkerStateMessage }
  | { readonly type: 'event'; readonly event: EventMessage }
  /** With an id: the answer to `snapshot`; without: sent by itself twice a second. */
  | { readonly type: 'snapshot'; readonly id: number | undefined; readonly snapshot: CameraSnapshot }
  | { readonly type: 'picture'; readonly id: number; readonly jpeg: Uint8Array }
  | { readonly type: 'picture_failed'; readonly id: number; readonly message: string }
  /** The process cannot do its work and ends: one sentence. */
  | { readonly type: 'failed'; readonly message: string };
