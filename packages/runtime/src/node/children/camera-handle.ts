import {
  type ChildState,
  type Clock,
  every,
  type Log,
  type LogRecord,
  redact,
  SupervisedChild,
  type Timer,
  VigiaError,
} from '@vigia/base';
import type {
  CameraReport,
  CameraState,
  CameraStateMessage,
  EventMessage,
  ResultMessage,
  Slowed,
  WorkerStateMessage,
} from '@vigia/contracts';
import type { CameraSetup, CameraSnapshot, FromCamera, ToCamera } from '#core/camera-link';
import { AgeHistogram } from './quantiles.ts';
import { addSnapshots, closeOut, NOTHING, onlyConsumers, reportOf } from './totals.ts';

/** Options of {@link CameraHandle}. */
export interface CameraHandleOptions {
  /** What the first process is told. */
  readonly setup: CameraSetup;
  /** The JavaScript file of the camera process. */
  readonly entry: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: CameraStateMessage) => void;
  readonly onResult: (result: ResultMessage) => void;
  readonly onWorkerState: (state: WorkerStateMessage) => void;
  readonly onEvent: (event: EventMessage) => void;
  /** How long its process may take to stop beyond what every process may. Milliseconds. */
  readonly extraStopMs: (setup: CameraSetup) => number;
  /** The process with this pid is gone: what it left in shared memory is nobody's. */
  readonly onDied: (pid: number) => void;
}

const READY_MS = 10_000;
const SNAPSHOT_MS = 500;
const PICTURE_MS = 8_000;
const STOP_MS = 700;
const RESTART = { firstMs: 100, maxMs: 10_000 };
const WATCH_MS = 1_000;
/** A camera process speaks twice a second; one that is silent for this many seconds hangs. */
const SILENT_TICKS = 10;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: VigiaError) => void;
  readonly timer: Timer;
}

/** The supervisor's side of one camera: keeps its process running, remembers what it said, adds up over its successors. Owns child, totals and a timer. */
export class CameraHandle {
  readonly id: string;
  readonly #o: CameraHandleOptions;
  #setup: CameraSetup;
  #child: SupervisedChild;
  /** Consumers that are slowed: a new process is told again. */
  readonly #slowed = new Map<string, Slowed>();
  readonly #ages = new Map<string, AgeHistogram>();
  readonly #snapshotWaiters = new Map<number, Waiter<CameraSnapshot>>();
  readonly #pictureWaiters = new Map<number, Waiter<Uint8Array>>();
  #state: CameraStateMessage;
  #everLive = false;
  /** Of processes that are gone. */
  #totals: CameraSnapshot | undefined;
  /** Of the running process. */
  #last: CameraSnapshot = NOTHING;
  #nextId = 1;
  #pid: number | undefined;
  /** What the process said before it ended by itself. */
  #failure: string | undefined;
  #watch: Timer | undefined;
  #silentTicks = 0;
  /** Restarts of children that were replaced on purpose. */
  #restartsBefore = 0;
  /** The process is being replaced: its counters are closed, and what it still says is not heard. */
  #replacing = false;
  /** The question for the last counters of a process that is being replaced. */
  #lastQuestion: number | undefined;
  #replaced: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: CameraHandleOptions) {
    this.#o = options;
    this.#setup = options.setup;
    this.id = options.setup.camera;
    this.#state = this.#stateMessage('connecting', null, null, null);
    this.#child = this.#newChild();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What its process was told. */
  get setup(): CameraSetup {
    return this.#setup;
  }

  get state(): CameraStateMessage {
    return this.#state;
  }

  /** Whether a picture ever came. */
  get everLive(): boolean {
    return this.#everLive;
  }

  start(): void {
    this.#child.start();
    this.#watch = every(this.#o.clock, WATCH_MS, () => this.#watchSilence());
  }

  /** Stops the process and removes what it left. Resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /**
   * Ends the process in order and starts one with other settings (or the same ones). The camera's counters go on, and
   * those of the consumers that are kept; the others' end. Resolves when the new one is on its way. After `stop` it does
   * nothing.
   *
   * @param kept Ids of consumers of `setup` that mean the same as before.
   */
  replace(setup: CameraSetup, kept: readonly string[]): Promise<void> {
    this.#replaced = this.#replaced.then(() => this.#replace(setup, new Set(kept)));
    return this.#replaced;
  }

  /** Counters as last heard, at most half a second old. */
  recentReport(): CameraReport {
    return this.#report(this.#last);
  }

  /** Counters as of now; as last heard when the process does not answer within half a second. */
  async report(): Promise<CameraReport> {
    const snapshot = await this.#ask(this.#snapshotWaiters, SNAPSHOT_MS, (id) => ({ type: 'snapshot', id })).catch(
      () => this.#last,
    );
    return this.#report(snapshot);
  }

  /** A JPEG of the next picture; with boxes, of the next one that has a result. Rejects with a sentence. */
  picture(annotated: boolean): Promise<Uint8Array> {
    if (this.#state.state !== 'live') {
      return Promise.reject(
        new VigiaError(
          'camera_not_live',
          `camera ${this.id} is ${this.#state.state}${this.#state.message ? `: ${this.#state.message}` : ''}`,
        ),
      );
    }
    return this.#ask(this.#pictureWaiters, PICTURE_MS, (id) => ({ type: 'picture', id, annotated }));
  }

  /** Another rate for a consumer, or with null the configured one; of its next process too. */
  pace(consumer: string, slowed: Slowed | null): void {
    if (slowed) this.#slowed.set(consumer, slowed);
    else this.#slowed.delete(consumer);
    this.#child.send({ type: 'pace', consumer, slowed } satisfies ToCamera);
  }

  /** Ends the process of a worker; its policy says what then. @param message Completes "the worker …". */
  endWorker(consumer: string, pid: number, code: string, message: string): void {
    this.#child.send({ type: 'end_worker', consumer, pid, code, message } satisfies ToCamera);
  }

  /** Starts a worker again, one that has failed too. False when the camera has no process at the moment. */
  restartWorker(consumer: string): boolean {
    return this.#child.send({ type: 'restart_worker', consumer } satisfies ToCamera);
  }

  /** Ages of a consumer's ok results so far. */
  ages(consumer: string): AgeHistogram {
    const known = this.#ages.get(consumer);
    if (known) return known;
    const created = new AgeHistogram();
    this.#ages.set(consumer, created);
    return created;
  }

  #newChild(): SupervisedChild {
    const { entry, clock, log, onLog } = this.#o;
    return new SupervisedChild({
      name: `camera:${this.id}`,
      entry,
      clock,
      log,
      onLog,
      onMessage: (message) => {
        if (!this.#replacing) this.#onMessage(message as FromCamera);
      },
      onState: (state) => {
        if (!this.#replacing) this.#onChildState(state);
      },
      onStarted: (send) => {
        send({ type: 'setup', setup: this.#setup } satisfies ToCamera);
        for (const [consumer, slowed] of this.#slowed) send({ type: 'pace', consumer, slowed } satisfies ToCamera);
      },
      stopMs: STOP_MS + this.#o.extraStopMs(this.#setup),
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  async #replace(setup: CameraSetup, kept: ReadonlySet<string>): Promise<void> {
    if (this.#stopping) return;
    const last = await this.#ask(this.#snapshotWaiters, SNAPSHOT_MS, (id) => {
      this.#lastQuestion = id;
      return { type: 'snapshot', id };
    }).catch(() => this.#last);
    if (this.#stopping) return;
    this.#replacing = true;
    this.#lastQuestion = undefined;
    this.#totals = onlyConsumers(addSnapshots(this.#totals, closeOut(last)), kept);
    this.#last = NOTHING;
    for (const consumer of this.#ages.keys()) if (!kept.has(consumer)) this.#ages.delete(consumer);
    for (const consumer of this.#slowed.keys()) if (!kept.has(consumer)) this.#slowed.delete(consumer);
    this.#rejectWaiters(`camera ${this.id} was given other settings`);
    await this.#child.stop();
    this.#cleanUp();
    this.#replacing = false;
    this.#setup = setup;
    this.#failure = undefined;
    if (this.#stopping) return;
    this.#restartsBefore += this.#child.restarts;
    this.#child = this.#newChild();
    this.#setState(this.#stateMessage('connecting', null, null, null));
    this.#child.start();
  }

  async #stop(): Promise<void> {
    this.#watch?.cancel();
    await this.#child.stop();
    // A replacement that was under way ends without a new process.
    await this.#replaced;
    this.#cleanUp();
    this.#rejectWaiters(`camera ${this.id} was stopped`);
    if (this.#state.state !== 'stopped') this.#setState(this.#stateMessage('stopped', null, null, null));
  }

  /** A process that had to be killed left its segments. */
  #cleanUp(): void {
    if (this.#pid !== undefined) this.#o.onDied(this.#pid);
    this.#pid = undefined;
  }

  #rejectWaiters(message: string): void {
    for (const waiters of [this.#snapshotWaiters, this.#pictureWaiters]) {
      // Deleting the current key of a Map while walking it is allowed.
      for (const id of waiters.keys())
        take(waiters as Map<number, Waiter<never>>, id)?.reject(new VigiaError('no_answer', message));
    }
  }

  #report(current: CameraSnapshot): CameraReport {
    const { state, reason } = this.#state;
    const total = addSnapshots(this.#totals, current);
    // A large stream that was taken out of the configuration is no part of this camera any more.
    const main = this.#setup.detectSource === undefined ? null : total.main;
    return reportOf(
      { ...total, main },
      { state, reason, restarts: this.#restartsBefore + this.#child.restarts },
      (consumer) => this.ages(consumer).quantiles(),
    );
  }

  #ask<T>(waiters: Map<number, Waiter<T>>, ms: number, message: (id: number) => ToCamera): Promise<T> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#o.clock.after(ms, () => {
        waiters.delete(id);
        reject(new VigiaError('no_answer', `camera ${this.id} did not answer within ${ms} ms`));
      });
      waiters.set(id, { resolve, reject, timer });
      if (!this.#child.send(message(id)))
        take(waiters, id)?.reject(new VigiaError('no_answer', `camera ${this.id} has no process at the moment`));
    });
  }

  /** Native code that hangs cannot be told to stop. Counted in our own turns: if we stood still, the process is not to blame. */
  #watchSilence(): void {
    if (this.#child.pid === undefined) return;
    this.#silentTicks += 1;
    if (this.#silentTicks < SILENT_TICKS) return;
    this.#silentTicks = 0;
    this.#o.log.warn(`camera:${this.id} has said nothing for ${(SILENT_TICKS * WATCH_MS) / 1000} s, killed`);
    this.#child.kill();
  }

  #onMessage(message: FromCamera): void {
    this.#silentTicks = 0;
    switch (message.type) {
      case 'result':
        if (message.result.status === 'ok') this.ages(message.result.consumer).record(message.result.age_ms);
        this.#o.onResult(resultWithoutSecrets(message.result));
        break;
      case 'snapshot':
        this.#last = message.snapshot;
        // A result that comes after the last counters would be published, and counted as `unavailable`.
        if (message.id !== undefined && message.id === this.#lastQuestion) this.#replacing = true;
        if (message.id !== undefined) take(this.#snapshotWaiters, message.id)?.resolve(message.snapshot);
        break;
      case 'state':
        // Its own end is told by its process; a source that is over is news.
        if (message.state === 'stopped' && message.reason === null) break;
        if (message.state === 'live') this.#everLive = true;
        this.#setState(this.#stateMessage(message.state, message.reason, message.message, message.retryInMs));
        break;
      case 'worker_state':
        this.#o.onWorkerState(withoutSecrets(message.state));
        break;
      case 'event':
        this.#o.onEvent(withoutSecrets(message.event));
        break;
      case 'picture':
        take(this.#pictureWaiters, message.id)?.resolve(message.jpeg);
        break;
      case 'picture_failed':
        take(this.#pictureWaiters, message.id)?.reject(
          new VigiaError('picture_failed', `camera ${this.id}: ${message.message}`),
        );
        break;
      case 'failed':
        this.#failure = message.message;
        break;
      default:
    }
  }

  #onChildState(child: ChildState): void {
    if (child.state === 'starting') {
      this.#pid = child.pid;
      this.#silentTicks = 0;
    }
    if (child.state === 'waiting') {
      this.#cleanUp();
      this.#totals = addSnapshots(this.#totals, closeOut(this.#last));
      this.#last = NOTHING;
      this.#rejectWaiters(`the process of camera ${this.id} died`);
      const message = this.#failure ?? `the camera's process ${child.reason}`;
      this.#setState(
        this.#stateMessage(
          'waiting',
          this.#failure === undefined ? 'process_died' : 'process_failed',
          message,
          child.retryInMs,
        ),
      );
      this.#failure = undefined;
    } else if (child.state === 'stopped') this.#setState(this.#stateMessage('stopped', null, null, null));
  }

  #setState(state: CameraStateMessage): void {
    this.#state = state;
    this.#o.onState(state);
  }

  #stateMessage(
    state: CameraState,
    reason: string | null,
    message: string | null,
    retryInMs: number | null,
  ): CameraStateMessage {
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    return {
      camera: this.id,
      state,
      reason,
      // A camera's process does not know the secrets.
      message: message === null ? null : redact(message),
      retry_in_ms: retryInMs === null ? null : Math.round(retryInMs),
      at,
    };
  }
}

/** What a worker says of its failure may hold secrets, whatever it means to say. */
function resultWithoutSecrets(result: ResultMessage): ResultMessage {
  if (result.error === null) return result;
  return { ...result, error: { ...result.error, message: redact(result.error.message) } };
}

/** A camera's process does not know the secrets; what a worker prints may hold them. */
function withoutSecrets<T extends { readonly message: string | null; readonly stderr?: string[] | undefined }>(
  said: T,
): T {
  const message = said.message === null ? null : redact(said.message);
  return { ...said, message, ...(said.stderr ? { stderr: said.stderr.map(redact) } : {}) };
}

function take<T>(waiters: Map<number, Waiter<T>>, id: number): Waiter<T> | undefined {
  const waiter = waiters.get(id);
  waiters.delete(id);
  waiter?.timer.cancel();
  return waiter;
}
