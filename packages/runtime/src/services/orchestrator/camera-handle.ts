import {
  type ChildState,
  type Clock,
  every,
  type Log,
  type LogRecord,
  SupervisedChild,
  type Timer,
  VigiaError,
} from '@vigia/base';
import type { CameraReport, CameraState, CameraStateMessage, ResultMessage } from '@vigia/contracts';
import type { CameraSetup, CameraSnapshot, FromCamera, ToCamera } from '#core/ipc';
import { AgeHistogram } from './quantiles.ts';
import { addSnapshots, closeOut, NOTHING, reportOf } from './totals.ts';

/** Options of {@link CameraHandle}. */
export interface CameraHandleOptions {
  readonly setup: CameraSetup;
  /** The JavaScript file of the camera process. */
  readonly entry: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: CameraStateMessage) => void;
  readonly onResult: (result: ResultMessage) => void;
  /** The process with this pid is gone: what it left in shared memory is nobody's. */
  readonly onDied: (pid: number) => void;
}

const READY_MS = 10_000;
const SNAPSHOT_MS = 500;
const PICTURE_MS = 8_000;
const RESTART = { firstMs: 100, maxMs: 10_000 };
const WATCH_MS = 1_000;
/** A camera process speaks twice a second; one that is silent for this many seconds hangs. */
const SILENT_TICKS = 10;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: VigiaError) => void;
  readonly timer: Timer;
}

/** The supervisor's side of one camera: keeps its process running, remembers what it said, adds up over its successors. */
export class CameraHandle {
  readonly id: string;
  readonly #o: CameraHandleOptions;
  readonly #child: SupervisedChild;
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

  constructor(options: CameraHandleOptions) {
    this.#o = options;
    this.id = options.setup.camera;
    this.#state = this.#stateMessage('connecting', null, null, null);
    this.#child = new SupervisedChild({
      name: `camera:${this.id}`,
      entry: options.entry,
      clock: options.clock,
      log: options.log,
      onLog: options.onLog,
      onMessage: (message) => this.#onMessage(message as FromCamera),
      onState: (state) => this.#onChildState(state),
      onStarted: (send) => void send({ type: 'setup', setup: options.setup } satisfies ToCamera),
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
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

  stop(): Promise<void> {
    this.#watch?.cancel();
    return this.#child.stop();
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

  /** Ages of a consumer's ok results so far. */
  ages(consumer: string): AgeHistogram {
    const known = this.#ages.get(consumer);
    if (known) return known;
    const created = new AgeHistogram();
    this.#ages.set(consumer, created);
    return created;
  }

  #report(current: CameraSnapshot): CameraReport {
    const { state, reason } = this.#state;
    return reportOf(
      addSnapshots(this.#totals, current),
      { state, reason, restarts: this.#child.restarts },
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
        this.#o.onResult(message.result);
        break;
      case 'snapshot':
        this.#last = message.snapshot;
        if (message.id !== undefined) take(this.#snapshotWaiters, message.id)?.resolve(message.snapshot);
        break;
      case 'state':
        if (message.state === 'stopped') break;
        if (message.state === 'live') this.#everLive = true;
        this.#setState(this.#stateMessage(message.state, message.reason, message.message, message.retryInMs));
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
      if (this.#pid !== undefined) this.#o.onDied(this.#pid);
      this.#totals = addSnapshots(this.#totals, closeOut(this.#last));
      this.#last = NOTHING;
      for (const waiters of [this.#snapshotWaiters, this.#pictureWaiters]) {
        // Deleting the current key of a Map while walking it is allowed.
        for (const id of waiters.keys())
          take(waiters as Map<number, Waiter<never>>, id)?.reject(
            new VigiaError('no_answer', `the process of camera ${this.id} died`),
          );
      }
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
      camera: this.#o.setup.camera,
      state,
      reason,
      message,
      retry_in_ms: retryInMs === null ? null : Math.round(retryInMs),
      at,
    };
  }
}

function take<T>(waiters: Map<number, Waiter<T>>, id: number): Waiter<T> | undefined {
  const waiter = waiters.get(id);
  waiters.delete(id);
  waiter?.timer.cancel();
  return waiter;
}
