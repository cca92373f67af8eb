import type { Clock, Timer } from '@vigia/base';
import type { SlaClass, WorkerState } from '@vigia/contracts';
import type { RestartPolicy } from '#core/camera-link';
import { RestartBudget } from './restart-budget.ts';

/** Why a worker was ended, or ended by itself. */
export interface EndReason {
  /** `exited`, `signalled`, `not_started`, `not_ready`, `refused`, `protocol_error`, `hung`, `memory`, `idle`, `asked` … */
  readonly code: string;
  /** A predicate in words, such as "exited with code 1": the worker's name precedes it. */
  readonly message: string;
}

/** A state of a worker, with the reason for it. */
export interface LifecycleState {
  readonly state: WorkerState;
  readonly reason: EndReason | null;
  /** A critical worker has failed, and needs an operator. */
  readonly alarm: boolean;
}

/** The states of a worker that is up. */
export type Health = Extract<WorkerState, 'ready' | 'running' | 'idle' | 'breaching'>;

/** Options of {@link Lifecycle}. */
export interface LifecycleOptions {
  readonly clock: Clock;
  readonly sla: SlaClass;
  readonly policy: RestartPolicy;
  /** Milliseconds. */
  readonly startTimeoutMs: number;
  /** Starts the worker. If that fails, `exited` is called. */
  readonly start: () => void;
  /** Kills the worker, after which `exited` is called. Gently: asks it to end first. */
  readonly kill: (reason: EndReason, gently: boolean) => void;
  /** Every change of state or reason. */
  readonly onState: (state: LifecycleState) => void;
}

/** A timer that fires this late shows that the machine was suspended or the container paused. Milliseconds. */
const STOOD_STILL_MS = 3_000;

type Phase = 'new' | 'starting' | 'up' | 'waiting' | 'failed' | 'probing' | 'stopped';

/**
 * The states of one worker: `starting` until it sends `ready`; up (`ready`, `running`, `idle`, `breaching`) until it ends;
 * `restarting` while its policy waits; `failed` when the budget is spent, also while a slow probe tries again; `stopped`.
 * Only decides: the owner of the process starts and kills it.
 */
export class Lifecycle {
  readonly #o: LifecycleOptions;
  readonly #budget: RestartBudget;
  #phase: Phase = 'new';
  #current: LifecycleState = { state: 'starting', reason: null, alarm: false };
  #timer: Timer | undefined;
  #startedMs = 0;
  #starts = 0;
  /** Why it is being killed: this will be the reason of its exit. */
  #killedFor: EndReason | undefined;
  #healthyUntilMs: number | undefined;
  /** Whether a restart was requested. */
  #restartRequested = false;

  constructor(options: LifecycleOptions) {
    this.#o = options;
    this.#budget = new RestartBudget(options.policy, options.clock);
  }

  get current(): LifecycleState {
    return this.#current;
  }

  /** Whether frames may be sent. */
  get up(): boolean {
    return this.#phase === 'up' && !this.#killedFor;
  }

  /** Starts after the first, without those that were requested. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  get budget(): Pick<RestartBudget, 'used' | 'allowed'> {
    return this.#budget;
  }

  /** The first start. It is reported too, so that it replaces the state of a worker of an earlier process. */
  start(): void {
    if (this.#phase !== 'new') return;
    this.#o.onState(this.#current);
    this.#start('starting');
  }

  /** The worker sent `ready`. */
  ready(): void {
    if (this.#phase !== 'starting' && this.#phase !== 'probing') return;
    this.#timer?.cancel();
    this.#phase = 'up';
    this.#budget.healthy();
    this.#set('ready', null);
  }

  /** A sign of life. While the worker starts, it restarts the start timeout. */
  heartbeat(): void {
    if (this.#phase === 'starting' || this.#phase === 'probing') this.#armStartTimeout();
  }

  /** Sets the health of a worker that is up; has no effect on another one. */
  health(state: Health, reason: EndReason | null): void {
    if (this.up) this.#set(state, reason);
  }

  /**
   * Ends the worker for a reason; its restart policy applies.
   *
   * @param healthyUntilMs When it was last healthy, monotonic milliseconds. Default: now.
   * @returns false when it is ending already, or does not run.
   */
  fail(reason: EndReason, healthyUntilMs?: number): boolean {
    if (this.#killedFor || !['starting', 'probing', 'up'].includes(this.#phase)) return false;
    this.#killedFor = reason;
    this.#healthyUntilMs = healthyUntilMs;
    this.#timer?.cancel();
    this.#o.kill(reason, false);
    return true;
  }

  /**
   * Restarts the worker in any state, even one that has failed, at once and with its whole budget. Has no effect before
   * `start` and after `stop`.
   */
  restart(reason: EndReason): void {
    if (this.#phase === 'new' || this.#phase === 'stopped') return;
    this.#restartRequested = true;
    if (this.#phase === 'waiting' || this.#phase === 'failed') {
      this.#startAgain(reason);
      return;
    }
    // One that is being killed ends without another request.
    if (this.#killedFor) return;
    this.#killedFor = reason;
    this.#timer?.cancel();
    this.#o.kill(reason, true);
  }

  /** The worker is gone. */
  exited(reason: EndReason): void {
    if (!['starting', 'probing', 'up'].includes(this.#phase)) return;
    const because = this.#killedFor ?? reason;
    this.#killedFor = undefined;
    this.#timer?.cancel();
    if (this.#restartRequested) {
      this.#startAgain(because);
      return;
    }
    const delayMs = this.#phase === 'probing' ? undefined : this.#budget.next(this.#healthyUntilMs);
    this.#healthyUntilMs = undefined;
    if (delayMs === undefined) this.#fail(because);
    else this.#startAfter(delayMs, because);
  }

  /** Starts it no more. The owner ends the process. Idempotent. */
  stop(): void {
    if (this.#phase === 'stopped') return;
    this.#timer?.cancel();
    this.#phase = 'stopped';
    this.#set('stopped', null);
  }

  #start(phase: 'starting' | 'probing'): void {
    this.#phase = phase;
    this.#starts += 1;
    // A probe leaves a failed worker `failed`, with its alarm, until it is ready.
    if (phase === 'starting') this.#set('starting', this.#current.reason);
    this.#armStartTimeout();
    this.#o.start();
  }

  #startAfter(delayMs: number, reason: EndReason): void {
    this.#phase = 'waiting';
    this.#set('restarting', reason);
    this.#timer = this.#o.clock.after(delayMs, () => this.#start('starting'));
  }

  #startAgain(reason: EndReason): void {
    this.#restartRequested = false;
    this.#healthyUntilMs = undefined;
    this.#budget.refill();
    this.#set('restarting', reason);
    // `restarts` counts only those that the worker's own end made necessary.
    this.#starts -= 1;
    this.#start('starting');
  }

  #fail(reason: EndReason): void {
    const { sla, policy, clock } = this.#o;
    this.#phase = 'failed';
    this.#set('failed', reason, sla === 'critical');
    if (policy.probeMs !== undefined) this.#timer = clock.after(policy.probeMs, () => this.#start('probing'));
  }

  #armStartTimeout(): void {
    const { clock, startTimeoutMs } = this.#o;
    this.#startedMs = clock.nowMs();
    this.#timer?.cancel();
    this.#timer = clock.after(startTimeoutMs, () => this.#onStartTimeout());
  }

  #onStartTimeout(): void {
    const lastedMs = this.#o.clock.nowMs() - this.#startedMs;
    // This process was suspended, and the worker with it.
    if (lastedMs - this.#o.startTimeoutMs >= STOOD_STILL_MS) this.#armStartTimeout();
    else this.fail({ code: 'not_ready', message: `was not ready within ${(lastedMs / 1000).toFixed(1)} s` });
  }

  #set(state: WorkerState, reason: EndReason | null, alarm = false): void {
    const { state: before, reason: why, alarm: loud } = this.#current;
    const same = before === state && why?.code === reason?.code && why?.message === reason?.message && loud === alarm;
    this.#current = { state, reason, alarm };
    if (!same) this.#o.onState(this.#current);
  }
}
