import type {
  CameraConfig,
  CameraState,
  ConsumerReport,
  MainStreamReport,
  ResultMessage,
  SlaClass,
  StreamReport,
} from '@vigia/contracts';
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

/** One consumer, with everything about its model that the camera process needs. */
export interface ConsumerSetup {
  readonly id: string;
  readonly model: string;
  readonly socketPath: string;
  readonly input: RenditionSpec;
  readonly fps: number | undefined;
  readonly sla: SlaClass;
  readonly deadlineMs: number;
}

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
  readonly consumers: Readonly<Record<string, Omit<ConsumerReport, 'age_ms' | 'restarts'>>>;
  /** Results that the supervisor did not get because it was not reading. */
  readonly unsentResults: number;
}

/** Supervisor → camera process. */
export type ToCamera =
  | { readonly type: 'setup'; readonly setup: CameraSetup }
  | { readonly type: 'snapshot'; readonly id: number }
  | { readonly type: 'picture'; readonly id: number; readonly annotated: boolean }
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
  /** With an id: the answer to `snapshot`; without: sent by itself twice a second. */
  | { readonly type: 'snapshot'; readonly id: number | undefined; readonly snapshot: CameraSnapshot }
  | { readonly type: 'picture'; readonly id: number; readonly jpeg: Uint8Array }
  | { readonly type: 'picture_failed'; readonly id: number; readonly message: string }
  /** The process cannot do its work and ends: one sentence. */
  | { readonly type: 'failed'; readonly message: string };
