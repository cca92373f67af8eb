import {
  Channel,
  type ChildState,
  type Clock,
  codeOf,
  every,
  type Handlers,
  type Log,
  type LogRecord,
  messageOf,
  type StartGate,
  SupervisedChild,
  type Timer,
  VigiaError,
} from '@vigia/base';
import type { EventMessage, ResultMessage, Slowed, WorkerStateMessage } from '@vigia/contracts';
import {
  CAMERA_WORDS,
  type CameraSetup,
  type CameraSnapshot,
  type Tile,
  type CameraWords,
  type EndWorker,
  type RuleNotice,
  NODE_WORDS,
  type NodeWords,
  type StateNotice,
} from '#core/camera-link';
import { anonymousBytesOf } from '#core/memory';
import { formatBytes } from '#core/terminal';
import type { Generation } from './generation.ts';
import { addSnapshots, closeOut, NOTHING, onlyConsumers } from './totals.ts';

/** What a camera's generation reports, in the order in which its process sent it. */
export interface CameraGenerationEvents {
  readonly onState: (state: StateNotice) => void;
  readonly onResult: (result: ResultMessage) => void;
  readonly onWorkerState: (state: WorkerStateMessage) => void;
  readonly onEvent: (event: EventMessage) => void;
  readonly onRule: (notice: RuleNotice) => void;
  readonly onLog: (record: LogRecord) => void;
  /** The process with this pid is gone. Its shared memory and worker groups can be removed. */
  readonly onDied: (pid: number) => void;
}

/** Options of {@link CameraGeneration}. */
export interface CameraGenerationOptions extends CameraGenerationEvents {
  readonly setup: CameraSetup;
  readonly boot: string;
  /** The JavaScript file of the camera process. */
  readonly entry: string;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  /** Counters of earlier generations. This generation adds to them. */
  readonly before: CameraSnapshot | undefined;
  /** Slowed consumers, by id. Every new process receives them. */
  readonly slowed: ReadonlyMap<string, Slowed>;
  /** How long its process may take to stop, beyond the time that every process has. Milliseconds. */
  readonly extraStopMs: number;
  /** Its process is ended when its anonymous memory is more than this for some seconds. Bytes. */
  readonly memoryLimitBytes: number;
}

const READY_MS = 10_000;
const COUNTERS_MS = 500;
const PICTURE_MS = 8_000;
/** The same for a small one: a page would rather know that it is old. */
const TILE_MS = 3_000;
const RESTART_WORKER_MS = 2_000;
/** For the process itself; its workers have more to end. */
const TUNE_MS = 2_000;
const STOP_MS = 700;
const RESTART = { firstMs: 100, maxMs: 10_000 };
const WATCH_MS = 1_000;
const COMPLAIN_MS = 10_000;
/** A camera process sends a message twice a second. It counts as hung after this many seconds of silence. */
const SILENT_TICKS = 10;
/** After this many its camera is not called `live` any more: nobody knows whether it is. */
const MUTE_TICKS = 3;
/** Looks in a row above its memory's limit before a process is ended: one picture may need more for a moment. */
const LARGE_TICKS = 3;

type Link = Channel<NodeWords, CameraWords>;

/**
 * One camera with one set of settings: its process and the counters of that process. Owns the child, the channel and a
 * timer.
 */
export class CameraGeneration implements Generation {
  readonly #o: CameraGenerationOptions;
  #setup: CameraSetup;
  readonly #child: SupervisedChild;
  #link: Link | undefined;
  /** Counters of earlier generations and of this generation's dead processes. */
  #totals: CameraSnapshot | undefined;
  /** Counters of the running process. */
  #last: CameraSnapshot = NOTHING;
  #pid: number | undefined;
  /** The failure that the process reported before it exited. */
  #failure: string | undefined;
  #watch: Timer | undefined;
  #silentTicks = 0;
  /** The last state that the process reported. */
  #said: StateNotice | undefined;
  /** It said `live`, and then nothing for {@link MUTE_TICKS}. */
  #isMute = false;
  #largeTicks = 0;
  /** Messages of its process that were refused or lost. */
  #problems = 0;
  #complainedMs = Number.NEGATIVE_INFINITY;
  #ending: Promise<void> | undefined;
  /** The counters are closed: later messages of the process are ignored. */
  #closed = false;

  constructor(options: CameraGenerationOptions) {
    this.#o = options;
    this.#setup = options.setup;
    this.#totals = options.before;
    const { entry, clock, gate, log, onLog, extraStopMs } = options;
    this.#child = new SupervisedChild({
      name: this.#name,
      entry,
      // For who lists processes.
      args: [this.#name],
      clock,
      gate,
      log,
      onLog,
      connect: (port) => this.#connect(port),
      onState: (state) => this.#onChildState(state),
      stopMs: STOP_MS + extraStopMs,
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Its settings. */
  get setup(): CameraSetup {
    return this.#setup;
  }

  /** Starts after the first one. */
  get restarts(): number {
    return this.#child.restarts;
  }

  /** The latest counters of the process, plus those of all its predecessors. */
  get counters(): CameraSnapshot {
    return addSnapshots(this.#totals, this.#last);
  }

  start(): void {
    this.#child.start();
    this.#watch = every(this.#o.clock, WATCH_MS, () => this.#lookAtProcess());
  }

  end(succeeded: boolean): Promise<void> {
    this.#ending ??= this.#end(succeeded);
    return this.#ending;
  }

  /** Requests current counters. Returns the latest known ones when the process does not answer within half a second. */
  async freshCounters(): Promise<CameraSnapshot> {
    const pid = this.#pid;
    const fresh = await this.#ask('counters').catch(() => undefined);
    // Kept, so that no later report shows less. Those of a process that died meanwhile are in the totals.
    if (fresh !== undefined && pid === this.#pid && !this.#closed) this.#last = fresh;
    return this.counters;
  }

  /** Returns the next picture as a JPEG. With `annotated`, the next picture that has a result. @throws VigiaError */
  async picture(annotated: boolean): Promise<Uint8Array> {
    try {
      const { jpeg } = await this.#connected().request('picture', { annotated }, { deadlineMs: PICTURE_MS });
      return jpeg;
    } catch (error) {
      if (codeOf(error) !== 'channel_closed') throw error;
      throw new VigiaError('no_answer', `camera ${this.setup.camera}: its process ended before it answered`);
    }
  }

  /** Returns a small picture. @throws VigiaError */
  async tile(width: number): Promise<Tile> {
    return this.#connected().request('tile', { width }, { deadlineMs: TILE_MS });
  }

  /**
   * Switches consumers on and off and gives them the terms of a setup that differs in nothing else; a process that starts later
   * has them too. Resolves when they are in force. @throws VigiaError
   */
  async tune(setup: CameraSetup): Promise<void> {
    this.#setup = setup;
    const on = new Set(setup.consumers.map(({ id }) => id));
    this.#totals &&= onlyConsumers(this.#totals, on);
    this.#last = onlyConsumers(this.#last, on);
    if (!this.#link || this.#closed) return;
    const tunes = setup.consumers.map(({ id: consumer, fps, sla, maxAgeMs }) => ({
      consumer,
      terms: { fps, sla, maxAgeMs },
    }));
    const deadlineMs = TUNE_MS + this.#o.extraStopMs;
    await this.#link.request('tune', tunes, { deadlineMs }).catch((error: unknown) => {
      // The next process has them.
      if (codeOf(error) !== 'channel_closed') throw error;
    });
    // Who is switched on begins at the configured rate.
    for (const id of on) this.pace(id, this.#o.slowed.get(id) ?? null);
    await this.freshCounters();
  }

  /** Sets another rate for a consumer; null restores the configured one. Returns whether the message left. */
  pace(consumer: string, slowed: Slowed | null): boolean {
    return this.#link?.notify('pace', { consumer, slowed }) ?? false;
  }

  /** Ends a worker's process. The worker's restart policy applies. */
  endWorker(worker: EndWorker): void {
    this.#link?.notify('end_worker', worker);
  }

  /** Restarts a worker, even one that has failed. Resolves when the camera process has accepted the request. */
  async restartWorker(consumer: string): Promise<void> {
    await this.#connected().request('restart_worker', { consumer }, { deadlineMs: RESTART_WORKER_MS });
  }

  get #name(): string {
    return `camera:${this.setup.camera}`;
  }

  #connected(): Link {
    if (this.#link && !this.#closed) return this.#link;
    throw new VigiaError('no_answer', `camera ${this.setup.camera} has no process at the moment`);
  }

  async #ask(what: 'counters' | 'farewell'): Promise<CameraSnapshot> {
    return this.#connected().request(what, null, { deadlineMs: COUNTERS_MS });
  }

  #connect(port: ConstructorParameters<typeof Channel>[0]['port']): Link {
    const { clock, boot, slowed } = this.#o;
    const link: Link = new Channel({
      peer: `camera ${this.setup.camera}`,
      port,
      clock,
      speaks: NODE_WORDS,
      hears: CAMERA_WORDS,
      handlers: this.#handlers(),
      onProblem: (problem) => this.#onProblem(problem),
    });
    this.#link = link;
    link.request('setup', { setup: this.setup, boot }, { deadlineMs: READY_MS }).catch((error: unknown) => {
      if (codeOf(error) === 'start_failed') this.#failure = messageOf(error);
    });
    for (const [consumer, slow] of slowed) link.notify('pace', { consumer, slowed: slow });
    return link;
  }

  #handlers(): Handlers<CameraWords> {
    const { onState, onResult, onWorkerState, onEvent, onRule } = this.#o;
    const heard =
      <T>(handle: (notice: T) => void, isState = false) =>
      (notice: T): void => {
        this.#silentTicks = 0;
        if (this.#closed) return;
        if (this.#isMute && this.#said && !isState) onState(this.#said);
        this.#isMute = false;
        handle(notice);
      };
    return {
      requests: {},
      notices: {
        state: heard((state) => {
          this.#said = state;
          onState(state);
        }, true),
        result: heard(onResult),
        worker_state: heard(onWorkerState),
        event: heard(onEvent),
        rule: heard(onRule),
        counters: heard((counters) => {
          this.#last = counters;
        }),
        failing: heard(({ message }) => {
          this.#failure = message;
        }),
      },
    };
  }

  /** A process that sends nonsense must not fill the log: one line in ten seconds, with their number. */
  #onProblem(problem: VigiaError): void {
    this.#problems += 1;
    const nowMs = this.#o.clock.nowMs();
    if (nowMs - this.#complainedMs < COMPLAIN_MS) return;
    this.#o.log.warn(`${problem.message}${this.#problems > 1 ? ` (${this.#problems} such messages so far)` : ''}`);
    this.#complainedMs = nowMs;
  }

  /**
   * Kills a process that is silent for too long: hung native code cannot be stopped in any other way. Counts timer
   * ticks, not time, so that a supervisor that was itself suspended kills nothing.
   */
  #lookAtProcess(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    this.#weigh(pid);
    this.#silentTicks += 1;
    if (this.#silentTicks === MUTE_TICKS) this.#onMute();
    if (this.#silentTicks === SILENT_TICKS) this.#kill(`has said nothing for ${(SILENT_TICKS * WATCH_MS) / 1000} s`);
  }

  #onMute(): void {
    if (this.#closed || this.#said?.state !== 'live') return;
    this.#isMute = true;
    const message = `the camera's process has said nothing for ${(MUTE_TICKS * WATCH_MS) / 1000} s`;
    this.#o.onState({ state: 'stalled', reason: 'stalled', message, retryInMs: null });
  }

  /** What a camera sends is bounded before it is allocated. This holds when a bound was forgotten, or a library leaks. */
  #weigh(pid: number): void {
    const { memoryLimitBytes } = this.#o;
    const bytes = anonymousBytesOf([pid]);
    this.#largeTicks = bytes > memoryLimitBytes ? this.#largeTicks + 1 : 0;
    if (this.#largeTicks < LARGE_TICKS) return;
    const why = `uses ${formatBytes(bytes)} of memory, ${formatBytes(memoryLimitBytes)} are allowed`;
    this.#failure = `the camera's process ${why}`;
    this.#kill(why);
  }

  #kill(why: string): void {
    this.#silentTicks = 0;
    this.#largeTicks = 0;
    this.#o.log.warn(`${this.#name} ${why}, killed`);
    this.#child.kill();
  }

  #onChildState(child: ChildState): void {
    if (child.state === 'starting') {
      this.#pid = child.pid;
      this.#silentTicks = 0;
      this.#largeTicks = 0;
    } else if (child.state === 'waiting') {
      this.#cleanUp();
      this.#said = undefined;
      this.#isMute = false;
      this.#closeCounters(this.#last);
      const failed = this.#failure;
      this.#failure = undefined;
      this.#o.onState({
        state: 'waiting',
        reason: failed === undefined ? 'process_died' : 'process_failed',
        message: failed ?? `the camera's process ${child.reason}`,
        retryInMs: child.retryInMs,
      });
    }
  }

  async #end(succeeded: boolean): Promise<void> {
    this.#watch?.cancel();
    if (succeeded) {
      const last = await this.#ask('farewell').catch(() => this.#last);
      this.#closed = true;
      this.#closeCounters(last);
      this.#link?.close('it was given other settings');
    }
    await this.#child.stop();
    this.#cleanUp();
  }

  /** Adds the final counters of a dead process to the totals. */
  #closeCounters(last: CameraSnapshot): void {
    this.#totals = addSnapshots(this.#totals, closeOut(last));
    this.#last = NOTHING;
  }

  /** A killed process leaves its shared memory behind. */
  #cleanUp(): void {
    if (this.#pid !== undefined) this.#o.onDied(this.#pid);
    this.#pid = undefined;
  }
}
