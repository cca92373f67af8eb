import { type Clock, type Timer, VigiaError } from '@vigia/base';
import type { HealthProblem, WorkerStateMessage } from '@vigia/contracts';

/** The reason of a restart that somebody requested. */
const ASKED = 'asked';

/** A caller that waits for a restarted worker. */
interface Waiter {
  /** The restarted worker has reported `starting`. Earlier states belong to its predecessor. */
  started: boolean;
  readonly timer: Timer;
  readonly resolve: () => void;
  readonly reject: (error: VigiaError) => void;
}

/** The latest state of every worker, and the callers that wait for one. Only observes. */
export class WorkerStates {
  readonly #clock: Clock;
  readonly #states = new Map<string, WorkerStateMessage>();
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Failed critical workers. */
  get alarms(): readonly HealthProblem[] {
    return [...this.#states.values()]
      .filter(({ alarm }) => alarm)
      .map(({ camera, consumer, worker, message }) => ({
        code: 'worker_failed',
        camera,
        consumer,
        message: `${camera}/${consumer}: critical worker ${worker} has failed: it ${message ?? ''}`,
      }));
  }

  /** Takes a worker's state. */
  told(state: WorkerStateMessage): void {
    const key = keyOf(state.camera, state.consumer);
    this.#states.set(key, state);
    for (const waiter of this.#waiters.get(key) ?? []) this.#heard(key, waiter, state);
  }

  /**
   * A camera's process died, so it can no longer report the end of its workers. @returns the states to report for them.
   */
  cameraGone(camera: string): WorkerStateMessage[] {
    const at = new Date(this.#clock.wallMs()).toISOString();
    const message = 'ended with its camera’s process';
    const out: WorkerStateMessage[] = [];
    for (const worker of this.#states.values()) {
      if (worker.camera === camera && worker.state !== 'stopped')
        out.push({ ...worker, state: 'stopped', reason: 'camera_gone', alarm: false, message, at });
    }
    return out;
  }

  /**
   * Forgets all other workers. @param wanted Camera and consumer of each worker to keep. @returns the forgotten states.
   */
  keepOnly(wanted: Iterable<readonly [camera: string, consumer: string]>): WorkerStateMessage[] {
    const kept = new Set([...wanted].map(([camera, consumer]) => keyOf(camera, consumer)));
    const forgotten = [...this.#states].filter(([key]) => !kept.has(key));
    for (const [key, { camera, consumer }] of forgotten) {
      this.#states.delete(key);
      this.giveUp(camera, consumer, 'it was taken out of the configuration');
    }
    return forgotten.map(([, state]) => state);
  }

  /**
   * Resolves when a worker that is about to be restarted is ready.
   *
   * @throws VigiaError `worker_failed` with the reason when it did not become ready; `no_answer` when nothing was
   *   reported within the time.
   */
  ready(camera: string, consumer: string, withinMs: number): Promise<void> {
    const key = keyOf(camera, consumer);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(withinMs, () =>
        this.#settle(key, waiter, () =>
          reject(new VigiaError('no_answer', `${key}: is not ready after ${withinMs / 1000} s, and goes on trying`)),
        ),
      );
      const waiter: Waiter = { started: false, timer, resolve, reject };
      const others = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, others.add(waiter));
    });
  }

  /** Rejects all callers that wait for a worker. @param why The reason. */
  giveUp(camera: string, consumer: string, why: string): void {
    const key = keyOf(camera, consumer);
    for (const waiter of this.#waiters.get(key) ?? [])
      this.#settle(key, waiter, () => waiter.reject(new VigiaError('no_answer', `${key}: ${why}`)));
  }

  #heard(key: string, waiter: Waiter, { camera, consumer, state, reason, worker, message }: WorkerStateMessage): void {
    if (state === 'starting') waiter.started = true;
    // Somebody else has asked for a restart too: that is no failure, and its process is as good as this one's.
    if (state === 'restarting' && reason === ASKED) waiter.started = false;
    if (state === 'stopped') this.giveUp(camera, consumer, message ?? 'it was stopped');
    if (!waiter.started || state === 'starting' || state === 'stopped') return;
    const failed = state === 'restarting' || state === 'failed';
    const error = new VigiaError('worker_failed', `${key}: worker ${worker} did not become ready: it ${message ?? ''}`);
    this.#settle(key, waiter, () => (failed ? waiter.reject(error) : waiter.resolve()));
  }

  #settle(key: string, waiter: Waiter, how: () => void): void {
    waiter.timer.cancel();
    const waiters = this.#waiters.get(key);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(key);
    how();
  }
}

function keyOf(camera: string, consumer: string): string {
  return `${camera}/${consumer}`;
}
