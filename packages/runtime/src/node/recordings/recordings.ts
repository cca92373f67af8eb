import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type Clock,
  type Log,
  type LogRecord,
  messageOf,
  quoted,
  type StartGate,
  VigiaError,
  makeFoldersSync,
} from '@vigia/base';
import { type HealthProblem, type NodeItem, type RecordingStatus, WHOLE_NODE } from '@vigia/contracts';
import type { GapReason, RecorderState, RecordRoom } from '#core/footage';
import type { EventsAsk, EventsReply, RebuildReply, RoomNotice, RoomReason, SpansReply } from '#core/footage-link';
import type { IngestSetup } from '#core/ingest-link';
import type { RecordingsAsk } from '#services/control-plane';
import type { RecordingSources } from '#node/metrics';
import type { Plan, PlannedRecording } from '#node/plan';
import { EventMarks, type Mark } from './event-marks.ts';
import { FootageHandle } from './footage-handle.ts';
import type { RecorderEvents, IngestHandle } from './ingest-handle.ts';
import { Ingests } from './ingests.ts';
import { ResultLog } from './result-log.ts';

/** Options of {@link Recordings}. */
export interface RecordingsOptions {
  readonly plan: Plan;
  /** Of vigia. */
  readonly version: string;
  readonly boot: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  /** Gives a subscriber the node's stream. Called once something is recorded. */
  readonly follow: (handle: (item: NodeItem) => void) => void;
  /** What a camera's recorder does; undefined: it is not recorded any more. */
  readonly onState: (camera: string, state: RecorderState | undefined) => void;
  /** Whether footage can be written, with a sentence. */
  readonly onStorage: (state: 'failing' | 'ok', message: string) => void;
  /** Stored events, for an export. @throws VigiaError `no_store` */
  readonly events: (ask: EventsAsk) => Promise<EventsReply>;
}

const DAY_MS = 86_400_000;
const REASONS: Readonly<Record<RoomReason, GapReason>> = {
  full: 'disk_full',
  read_only: 'read_only',
  unmounted: 'disk_failed',
  failed: 'disk_failed',
  slow: 'disk_slow',
};
/** What is said when a trouble is over. */
const GOOD = { disk: 'recordings can be written again', process: 'recordings can be found and played again' } as const;
/** Longest sentence of a recorder, characters. */
const SENTENCE = 1_000;

/** Everything that records on this node: the processes of recorded cameras' connections, and the one that keeps what they wrote. */
export class Recordings {
  readonly #o: RecordingsOptions;
  readonly #ingests: Ingests;
  #planned: PlannedRecording;
  #footage: FootageHandle | undefined;
  /** Why footage cannot be written, or not be found and played, as announced. */
  readonly #troubles = new Map<'disk' | 'process', string>();
  readonly #marks: EventMarks;
  readonly #results: ResultLog;
  #stopping = false;
  #following = false;

  constructor(options: RecordingsOptions) {
    this.#o = options;
    this.#planned = options.plan.recording;
    const { boot, clock, gate, log, onLog } = options;
    this.#ingests = new Ingests({ boot, clock, gate, log, onLog });
    this.#marks = new EventMarks(
      (camera) => this.#planned.marks[camera],
      ({ camera, alarm, ...range }) => this.#mark(camera, range, alarm),
    );
    this.#results = new ResultLog({
      clock: options.clock,
      log: options.log,
      marksOf: (camera) => this.#planned.marks[camera],
      send: (results) => this.#footage?.results(results) ?? false,
    });
  }

  /** Where playback listens; undefined: this node has no recordings. */
  get playback(): string | undefined {
    return this.#footage && this.#socketPath;
  }

  /** `ingest:1`, `footage`, each with its pid. */
  get processes(): (readonly [name: string, pid: number])[] {
    const { pid } = this.#footage ?? {};
    return [...this.#ingests.processes, ...(pid === undefined ? [] : [['footage', pid] as const])];
  }

  /** For metrics. */
  get sources(): RecordingSources {
    const recorders = this.#ingests.handles.flatMap(({ camera }) => {
      const status = this.statusOf(camera);
      return status ? [[camera, status] as const] : [];
    });
    const { lost: lostResults } = this.#results;
    return { recorders: Object.fromEntries(recorders), footage: this.#footage?.counters ?? null, lostResults };
  }

  /** What a camera's recorder does; undefined for a camera that is not recorded. */
  statusOf(camera: string): RecordingStatus | undefined {
    const ingest = this.#ingests.get(camera);
    if (!ingest) return undefined;
    const { bytes, lostMs } = ingest.counters;
    const { state, reason, message } = ingest.state;
    const reach = this.#footage?.counters?.cameras[camera];
    return {
      state,
      reason,
      message: message && quoted(message, SENTENCE),
      bytes,
      lost_ms: Math.round(lostMs),
      kept_ms: reach?.keptMs ?? null,
      room_ms: reach?.roomMs ?? null,
    };
  }

  /** A camera's connection; undefined for a camera that is not recorded. */
  ingest(camera: string): IngestHandle | undefined {
    return this.#ingests.get(camera);
  }

  get footage(): FootageHandle | undefined {
    return this.#footage;
  }

  /** Starts what the plan asks for. Returns at once. */
  start(): void {
    this.#startFootage();
    this.#add(this.#planned.ingests);
  }

  /** Stops what a plan no longer has, or has with another connection. Before cameras change: a camera has one connection at a time. */
  async prepare(wanted: PlannedRecording): Promise<void> {
    const kept = new Map(wanted.ingests.map((setup) => [setup.camera, setup]));
    // Other processes for all.
    const move = wanted.camerasPerProcess !== this.#planned.camerasPerProcess;
    const leaving = this.#ingests.handles.filter((ingest) => {
      const setup = kept.get(ingest.camera);
      return setup === undefined || move || !ingest.adopt(setup);
    });
    await Promise.all(
      leaving.map(async ({ camera }) => {
        await this.#ingests.remove(camera);
        if (kept.has(camera)) return;
        // The camera is not away: nobody wants to record it.
        this.#footage?.gap(camera, this.#o.clock.wallMs(), 'not_recorded');
        this.#o.onState(camera, undefined);
      }),
    );
  }

  /** Starts what a plan has in addition. After cameras have changed. */
  async complete(wanted: PlannedRecording): Promise<void> {
    const { dirs } = this.#planned;
    this.#planned = wanted;
    if (this.#footage && !isDeepStrictEqual(dirs, wanted.dirs)) {
      await this.#footage.stop();
      this.#footage = undefined;
      // Its word was about other directories.
      this.#ingests.forgetRoom();
      this.#onTrouble('process', undefined);
    }
    if (this.#footage) this.#footage.limit(wanted.limits);
    else this.#startFootage();
    this.#add(wanted.ingests.filter(({ camera }) => !this.#ingests.get(camera)));
  }

  /** Ends all processes; what waits is written. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ingests.stop();
    this.#results.close();
    await this.#footage?.stop();
  }

  /**
   * An event at a camera: what was and will be recorded around it is kept as footage of an event. Wall times; without them:
   * now. Returns them.
   */
  mark(
    camera: string,
    fromMs: number = this.#o.clock.wallMs(),
    toMs: number = fromMs,
  ): { readonly fromMs: number; readonly toMs: number } {
    if (!this.#mark(camera, { fromMs, toMs }, null))
      throw new VigiaError('not_found', `camera ${camera} is not recorded`);
    return { fromMs, toMs };
  }

  /** An alarm was none: footage that only it had marked is kept like any other. @param atMs A time at which it lasted. */
  unmark(camera: string, alarm: string, atMs: number = this.#o.clock.wallMs()): void {
    this.#footage?.unmark({ camera, alarm, atMs });
  }

  /** @throws VigiaError `no_recordings` on a node that has none; `no_answer`. */
  spans({ camera, fromMs, toMs = this.#o.clock.wallMs() }: RecordingsAsk): Promise<SpansReply> {
    return this.#kept().spans({ camera, fromMs: fromMs ?? Math.max(0, toMs - DAY_MS), toMs });
  }

  /** Reads every file again. @throws VigiaError */
  rebuild(): Promise<RebuildReply> {
    return this.#kept().rebuild();
  }

  /** Recorders that lose something, and an index that does not work. */
  get problems(): HealthProblem[] {
    const { failure } = this.#footage ?? {};
    const paused = this.#ingests.handles.filter(({ state }) => state.state === 'paused');
    return [
      ...(failure === undefined
        ? []
        : [{ code: 'footage', camera: WHOLE_NODE, message: `recordings: ${quoted(failure, SENTENCE)}` }]),
      ...paused.map(({ camera, state }) => ({
        code: 'recording_paused',
        camera,
        message: `camera ${camera} is not recorded: ${quoted(state.message ?? '', SENTENCE)}`,
      })),
    ];
  }

  get #socketPath(): string {
    return join(this.#o.runDir, 'footage.sock');
  }

  /** @returns false for a camera that is not recorded. */
  #mark(camera: string, { fromMs, toMs }: Pick<Mark, 'fromMs' | 'toMs'>, alarm: string | null): boolean {
    const marks = this.#planned.marks[camera];
    if (!marks) return false;
    const [sinceMs, untilMs] = [fromMs - marks.beforeMs, toMs + marks.afterMs];
    if (marks.mode === 'on_event') this.#ingests.get(camera)?.mark(fromMs, toMs);
    this.#results.mark(camera, sinceMs, untilMs);
    this.#footage?.mark({ camera, fromMs: sinceMs, toMs: untilMs, alarm });
    return true;
  }

  #kept(): FootageHandle {
    if (this.#footage) return this.#footage;
    throw new VigiaError('no_recordings', 'this node records nothing: no camera has `record`');
  }

  #startFootage(): void {
    const { ingests, dirs, limits, ownDir } = this.#planned;
    if (this.#stopping || this.#footage || (ingests.length === 0 && ownDir)) return;
    const { boot, version, stateDir, clock, gate, log, onLog, plan, events } = this.#o;
    if (ownDir) this.#makeDir(dirs[0]?.path ?? '');
    this.#footage = new FootageHandle({
      setup: { node: plan.node, version, boot, stateDir, socketPath: this.#socketPath, dirs, ...limits },
      clock,
      gate,
      log,
      onLog,
      onRoom: (room) => this.#onRoom(room),
      onFailure: (failure) => this.#onTrouble('process', failure),
      onLostResults: (count) => this.#results.lose(count),
      events,
    });
    this.#footage.start();
  }

  #makeDir(path: string): void {
    try {
      makeFoldersSync(path, 0o750);
    } catch (error) {
      this.#o.log.warn(`${path}: recordings cannot be kept there: ${messageOf(error)}`);
    }
  }

  #add(setups: readonly IngestSetup[]): void {
    if (this.#stopping || setups.length === 0) return;
    this.#follow();
    const fromOf = (camera: string): RecorderEvents => ({
      onState: (state) => this.#o.onState(camera, state),
      onWritten: ({ dir, path, closed }) => this.#footage?.written(camera, join(dir, path), closed),
      onGap: (sinceMs, reason) => this.#footage?.gap(camera, sinceMs, reason),
    });
    this.#ingests.add(setups, fromOf, this.#planned.camerasPerProcess);
  }

  /** Marks first: a result that is an event is within its own mark. */
  #follow(): void {
    if (this.#following) return;
    this.#following = true;
    this.#results.start();
    this.#o.follow((item) => {
      this.#marks.handle(item);
      this.#results.handle(item);
    });
  }

  /** A slow disk is still the one to write to: units wait in memory. */
  #roomOf({ dir, reason, message }: RoomNotice): RecordRoom {
    const where = reason === 'slow' ? (dir ?? this.#planned.dirs[0]?.path ?? null) : dir;
    return { dir: where, reason: reason && REASONS[reason], message };
  }

  #onRoom(room: RoomNotice): void {
    this.#ingests.room(this.#roomOf(room));
    this.#onTrouble('disk', room.reason === null ? undefined : (room.message ?? room.reason));
  }

  /** One event when something begins to be wrong, and one when nothing is any more. */
  #onTrouble(what: 'disk' | 'process', trouble: string | undefined): void {
    const before = this.#troubles.size;
    if (trouble === undefined) this.#troubles.delete(what);
    else this.#troubles.set(what, quoted(trouble, SENTENCE));
    if (before === 0 && trouble !== undefined) this.#o.onStorage('failing', quoted(trouble, SENTENCE));
    else if (before > 0 && this.#troubles.size === 0) this.#o.onStorage('ok', GOOD[what]);
  }
}
