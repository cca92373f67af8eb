import type {
  CameraReport,
  EventQuery,
  Finding,
  HealthProblem,
  LogAnswer,
  LogQuery,
  ModelReport,
  NodeBudget,
  NodeEvent,
  NodeEventOf,
  NodeProblem,
  NodeStatus,
  Report,
  SummaryMessage,
} from '@vigia/contracts';
import type { ApiResponse, DemoBreak, Frozen, PreviewRules, Probe, Probed } from '@vigia/contracts/api';
import type { CameraSetup, Tile } from '#core/camera-link';
import type { PreviewTask } from '#core/footage-link';

/** What a change of the configuration did. */
export type Changed = Frozen<ApiResponse<'putCamera'>>;

/** A question for recordings. Wall times, milliseconds since 1970. */
export interface RecordingsAsk {
  /** Null: all. */
  readonly camera: string | null;
  /** Undefined: a day before `toMs`. */
  readonly fromMs: number | undefined;
  /** Undefined: now. */
  readonly toMs: number | undefined;
}

/** Zones and rules to be tried. Wall times, milliseconds since 1970. */
export interface PreviewAsk extends Pick<PreviewRules, 'camera' | 'rule' | 'zones' | 'rules' | 'size'> {
  /** Undefined: an hour before `toMs`. */
  readonly fromMs: number | undefined;
  /** Undefined: now. */
  readonly toMs: number | undefined;
}

/** A change that somebody asks for. */
export interface Asker {
  /** Who asks, for the record: `control socket (user care)`, `http (127.0.0.1)`. */
  readonly by: string;
  /** The change is refused unless this revision is in force. */
  readonly expected?: number | undefined;
  /** Whether settings may hold commands and paths that are not in force already. */
  readonly trusted: boolean;
}

/** The part of the node that the control plane uses. A change resolves with its result. */
export interface ControlledNode {
  report(): Promise<Report>;
  /** The latest known values. Asks no process. */
  status(): NodeStatus;
  /** What each consumer answered in the last minute. */
  lastMinute(): readonly SummaryMessage[];
  /** Records of the log that the node still has. */
  logs(query: LogQuery): LogAnswer;
  /** Where the process that has the recordings answers; undefined: there are none. */
  readonly playback: string | undefined;
  /** What was recorded. @throws VigiaError `no_recordings`, `no_answer` */
  recordings(ask: RecordingsAsk): Promise<ApiResponse<'recordings'>>;
  /**
   * Something happened at a camera between these wall times; without them: now. Returns them.
   *
   * @throws VigiaError `not_found` for a camera that is not recorded.
   */
  markRecording(
    camera: string,
    fromMs: number | undefined,
    toMs: number | undefined,
  ): { readonly fromMs: number; readonly toMs: number };
  /**
   * What the process that has the recordings must know to play a rule to stored results.
   *
   * @throws UsageError for zones and rules that do not fit the camera; VigiaError `not_found`, `unknown_size`.
   */
  previewTask(ask: PreviewAsk): PreviewTask;
  /**
   * Connects to a camera that the node does not have, and says what came.
   *
   * @throws UsageError for settings that cannot be; VigiaError `busy`, `memory_full`, `stopping`.
   */
  probeCamera(ask: Probe, asker: Asker): Promise<Probed>;
  /** @throws VigiaError `no_recordings`, `no_answer` */
  rebuildRecordings(): Promise<ApiResponse<'rebuildRecordings'>>;
  /** OpenMetrics text. */
  metrics(): Promise<string>;
  /** Empty when all is well. */
  health(): readonly HealthProblem[];
  /** What is wrong, the worst first, each with what to do. */
  problems(): readonly NodeProblem[];
  /** What the plan in force may use at most, and what the machine has. */
  budget(): NodeBudget;
  /** What has not started yet, for people; empty when the node is ready. */
  starting(): readonly string[];
  /** Reads the configuration again and applies the differences. `text` describes them. */
  reload(): Promise<Changed & { readonly text: string }>;
  putCamera(id: string, settings: unknown, asker: Asker): Promise<Changed>;
  /** Changes some settings of a camera (RFC 7396). */
  patchCamera(id: string, patch: unknown, asker: Asker): Promise<Changed>;
  removeCamera(id: string, asker: Asker): Promise<Changed>;
  restartCamera(id: string): Promise<void>;
  /** Resolves when the worker of a camera's consumer is ready again. */
  restartWorker(id: string, consumer: string): Promise<void>;
  /**
   * Breaks a part of a demo on purpose.
   *
   * @throws VigiaError `not_found` on a node that is no demo, and for what the camera does not have; `not_running`.
   */
  breakDemo(wish: DemoBreak): void;
  /**
   * Somebody knows of the alarm of this subject: it is not repeated any more.
   *
   * @param alarm `id`, `at`: of the event that they know; undefined: it is open.
   * @param by Who, for people.
   */
  acknowledge(
    alarm: Pick<NodeEvent, 'subject' | 'camera'> & Partial<Pick<NodeEvent, 'id' | 'at'>>,
    by: string,
    found: Finding,
  ): void;
  /** Whether events are stored, so that a stream can be resumed. */
  readonly resumable: boolean;
  /** Stored events, oldest first. */
  events(query: EventQuery): Promise<NodeEvent[]>;
  /** How many stored events match, `limit` at most. */
  countEvents(query: EventQuery): Promise<number>;
  /** An id that is greater than that of every event so far. */
  newEventId(): string;
  camera(id: string): ControlledCamera | undefined;
  readonly cameraIds: readonly string[];
  models(): Readonly<Record<string, ModelReport>>;
  /** The document in force, without secrets. */
  readonly config: Frozen<ApiResponse<'config'>>;
  readonly revisions: Frozen<ApiResponse<'revisions'>>;
  /**
   * One line per path that a document would change. @param file The text is a new version of the node's file, with this
   * name.
   */
  previewConfig(text: string, file: string | undefined, asker: Asker): readonly string[];
  /** Replaces the document. */
  putConfig(text: string, asker: Asker): Promise<Changed>;
  /** Makes an earlier revision the document in force. */
  rollBack(revision: number, asker: Asker): Promise<Changed>;
  readonly audit: RecordChange;
}

/** Records who changed what, or was refused. @param camera That it concerns. */
export type RecordChange = (entry: NodeEventOf<'audit'>['data'], camera: string | null) => void;

/** A camera of {@link ControlledNode}. */
export interface ControlledCamera {
  readonly setup: Pick<CameraSetup, 'consumers'>;
  recentReport(): CameraReport;
  picture(annotated: boolean): Promise<Uint8Array>;
  /**
   * A small picture: of the next ok result, or of the next frame when none comes soon.
   *
   * @throws VigiaError when the camera has none within some seconds.
   */
  tile(width: number): Promise<Tile>;
}
