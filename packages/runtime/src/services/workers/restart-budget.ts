import type { Clock } from '@vigia/base';
import type { RestartPolicy } from '#core/camera-link';

/** A worker that has been healthy for this long has its whole budget again (WL4). Milliseconds. */
const REFILL_MS = 60_000;

/** Waits of an unlimited policy, so that a worker that cannot start does not keep the machine busy. Milliseconds. */
const UNLIMITED = { leastMs: 100, defaultMs: 1_000 } as const;

/** How often a worker may be restarted before it has failed. */
export class RestartBudget {
  readonly #policy: RestartPolicy;
  readonly #clock: Clock;
  #used = 0;
  #healthySinceMs: number | undefined;

  constructor(policy: RestartPolicy, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /** Restarts used up, as of now. */
  get used(): number {
    return this.#refilled(this.#clock.nowMs()) ? 0 : this.#used;
  }

  /** Null: unlimited. */
  get allowed(): number | null {
    return this.#policy.unlimited ? null : this.#policy.delaysMs.length;
  }

  /** The whole budget again, for a restart on request. */
  refill(): void {
    this.#used = 0;
    this.#healthySinceMs = undefined;
  }

  /** The worker is ready: its healthy time begins. */
  healthy(): void {
    this.#healthySinceMs = this.#clock.nowMs();
  }

  /**
   * The worker ended.
   *
   * @param untilMs When it was last healthy, monotonic milliseconds: time in which it hung refills nothing.
   * @returns milliseconds to wait before the next start, or undefined when the budget is spent.
   */
  next(untilMs: number = this.#clock.nowMs()): number | undefined {
    if (this.#refilled(untilMs)) this.#used = 0;
    this.#healthySinceMs = undefined;
    const { delaysMs, unlimited } = this.#policy;
    const wantedMs = delaysMs[this.#used] ?? (unlimited ? (delaysMs.at(-1) ?? UNLIMITED.defaultMs) : undefined);
    if (wantedMs === undefined) return undefined;
    this.#used += 1;
    return unlimited ? Math.max(UNLIMITED.leastMs, wantedMs) : wantedMs;
  }

  #refilled(untilMs: number): boolean {
    return this.#healthySinceMs !== undefined && untilMs - this.#healthySinceMs >= REFILL_MS;
  }
}
