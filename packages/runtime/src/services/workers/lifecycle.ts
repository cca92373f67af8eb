import type { Clock, Timer } from '@vigia/base';
import type { SlaClass, WorkerState } from '@vigia/contracts';
import type { RestartPolicy } from '#core/camera-link';
import { RestartBudget } from './restart-budget.ts';

/** Why a worker was ended, or ended by itself. */
export interface EndReason {
  /** `exited`, `signalled`, `not_started`, `not_ready`, `refused`, `protocol_error`, `hung`, `memory`, `idle`, `asked` … */
  readonly code: string;
  /** One sentence, without the worker's name. */
  readonly message: string;
}

/** A state of a worker, with the reason for it. */
export interface LifecycleState {
  readonly state: WorkerState;
  readonly reason: EndReason | null;
  /** A critical worker has failed: somebody must look. */
  readonly alarm: boolean;
}

/** How a worker that is up does. */
export type Health = Extract<WorkerState, 'ready' | 'running' | 'idle' | 'breaching'>;

/** Options of {@link Lifecycle}. */
export interface LifecycleOptions {
  readonly clock: Clock;
  readonly sla: SlaClass;
  readonly policy: RestartPolicy;
  /** Milliseconds. */
  readonly startTimeoutMs: number;
  /** Begins to start the worker; its end, at the latest, comes as `exited`. */
  readonly start: () => void;
  /** Kills the worker, for a reason; its end comes as `exited`. Gently: it is asked first. */
  readonly kill: (reason: EndReason, gently: boolean) => void;
  /** Every change of state or reason. */
  readonly onState: (state: LifecycleState) => void;
}

/** A timer that comes so much too late: the machine was suspended, the container paused. Milliseconds. */
const STOOD_STILL_MS = 3_000;

type Phase = 'new' | 'starting' | 'up' | 'waiting' | 'failed' | 'probing' | 'stopped';

/**
 * The states of one worker: `starting` until it says `ready`; up (`ready`, `running`, `idle`, `breaching`) until it ends;
 * `restarting` while its policy waits; `failed` when the budget is spent, also while a slow probe tries again; `stopped`.
 * Decides only: who owns the process starts and kills it when told.
 */
export class Lifecycle {
  readonly #o: LifecycleOptions;
  readonly #budget: RestartBudget;
  #phase: Phase = 'new';
  #current: LifecycleState = { state: 'starting', reason: null, alarm: false };
  #timer: Timer | undefined;
  #startedMs = 0;
  #starts = 0;
  /** Why it is being killed: its exit will be because of that. */
  #killedFor: EndReason | undefined;
  #healthyUntilMs: number | undefined;
  /** Somebody asked for it to be started again. */
  #again = false;

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

  /** Starts after the first, those that somebody asked for left out. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  get budget(): Pick<RestartBudget, 'used' | 'allowed'> {
    return this.#budget;
  }

  /** The first start; told too, so that nobody goes on believing what was told of a worker before. */
  start(): void {
    if (this.#phase !== 'new') return;
    this.#o.onState(this.#current);
    this.#start('starting');
  }

  /** The worker said `ready`. */
  ready(): void {
    if (this.#phase !== 'starting' && this.#phase !== 'probing') return;
    this.#timer?.cancel();
    this.#phase = 'up';
    this.#budget.healthy();
    this.#set('ready', null);
  }

  /** A sign of life while starting: the start timeout begins anew. */
  heartbeat(): void {
    if (this.#phase === 'starting' || this.#phase === 'probing') this.#armStartTimeout();
  }

  /** How a worker that is up does. Nothing happens unless it is. */
  health(state: Health, reason: EndReason | null): void {
    if (this.up) this.#set(state, reason);
  }

  /**
   * The worker must go, for a reason; its policy says what happens then.
   *
   * @param healthyUntilMs It was not healthy since then, monotonic milliseconds. Default: now.
   * @returns false when it goes already, or is not there.
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
   * Somebody wants the worker to be started again, whatever it does: at once, and with its whole budget. One that has
   * failed too. After `stop` nothing happens.
   */
  restart(reason: EndReason): void {
    if (this.#phase === 'new' || this.#phase === 'stopped') return;
    this.#again = true;
    if (this.#phase === 'waiting' || this.#phase === 'failed') {
      this.#startAgain(reason);
      return;
    }
    // One that is being killed already ends by itself.
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
    if (this.#again) {
      this.#startAgain(because);
      return;
    }
    const probed = this.#phase === 'probing';
    const delayMs = probed ? undefined : this.#budget.next(this.#healthyUntilMs);
    this.#healthyUntilMs = undefined;
    if (delayMs === undefined) {
      this.#fail(because);
      return;
    }
    this.#phase = 'waiting';
    this.#set('restarting', because);
    this.#timer = this.#o.clock.after(delayMs, () => this.#start('starting'));
  }

  /** No further starts. The owner ends the process. Idempotent. */
  stop(): void {
    if (this.#phase === 'stopped') return;
    this.#timer?.cancel();
    this.#phase = 'stopped';
    this.#set('stopped', null);
  }

  #start(phase: 'starting' | 'probing'): void {
    this.#phase = phase;
    this.#starts += 1;
    // A failed worker stays failed, and its alarm on, until it is ready.
    if (phase === 'starting') this.#set('starting', this.#current.reason);
    this.#armStartTimeout();
    this.#o.start();
  }

  #startAgain(reason: EndReason): void {
    this.#again = false;
    this.#healthyUntilMs = undefined;
    this.#budget.refill();
    this.#set('restarting', reason);
    // Not one of those that its own end made necessary.
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
    this.#timer = clock.after(startTimeoutMs, () => {
      const lastedMs = clock.nowMs() - this.#startedMs;
      // We stood still ourselves, and the worker with us.
      if (lastedMs - startTimeoutMs >= STOOD_STILL_MS) {
        this.#armStartTimeout();
        return;
      }
      const seconds = lastedMs / 1000;
      this.fail({ code: 'not_ready', message: `was not ready within ${seconds.toFixed(1)} s` });
    });
  }

  #set(state: WorkerState, reason: EndReason | null, alarm = false): void {
    const { state: before, reason: why, alarm: loud } = this.#current;
    const same = before === state && why?.code === reason?.code && why?.message === reason?.message && loud === alarm;
    this.#current = { state, reason, alarm };
    if (!same) this.#o.onState(this.#current);
  }
}
