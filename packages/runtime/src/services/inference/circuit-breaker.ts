import { Backoff, type Clock } from '@vigia/base';

/** Failures in a row that open the circuit: one bad picture or one hiccup is not a broken model. */
export const FAILURES_TO_OPEN = 5;
const RETRY = { firstMs: 1_000, maxMs: 30_000 };

/** What became of a request, as far as it says something about the model. */
export type Verdict = 'success' | 'failure' | 'neutral';

/**
 * Keeps a camera from asking a model that fails again and again: after {@link FAILURES_TO_OPEN} failures in a row it is
 * asked nothing for a while, then one request is let through, and its outcome decides. Without timers: looked at when a
 * picture is due.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #failures = 0;
  /** Undefined: closed. */
  #retryAtMs: number | undefined;
  #trying = false;
  /** Counts openings and new beginnings: what was asked before one says nothing after it. */
  #era = 0;

  /** @param random Uniform in [0, 1), for the back-off. Injected in tests. */
  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#backoff = new Backoff({ ...RETRY, random });
  }

  /** Whether the model is left alone for now. */
  get open(): boolean {
    return this.#retryAtMs !== undefined;
  }

  /** Whether a request may be made now. After an opening, one at a time: whoever is told yes reports its verdict. */
  allows(): boolean {
    if (this.#retryAtMs === undefined) return true;
    return !this.#trying && this.#clock.nowMs() >= this.#retryAtMs;
  }

  /** A request is made. Returns what its verdict is to be recorded with. */
  began(): number {
    if (this.#retryAtMs !== undefined) this.#trying = true;
    return this.#era;
  }

  /** Whether a request is still worth making that began so. */
  isCurrent(era: number): boolean {
    return era === this.#era;
  }

  /** A request ended that began so. */
  record(verdict: Verdict, era: number): void {
    if (!this.isCurrent(era)) return;
    this.#trying = false;
    if (verdict === 'neutral') return;
    if (verdict === 'success') {
      this.#failures = 0;
      this.#retryAtMs = undefined;
      this.#backoff.reset();
      return;
    }
    this.#failures += 1;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#retryAtMs = this.#clock.nowMs() + this.#backoff.next();
    this.#era += 1;
  }

  /** Another container took over: what is known of its predecessor says nothing about it. */
  reset(): void {
    this.#era += 1;
    this.#failures = 0;
    this.#retryAtMs = undefined;
    this.#trying = false;
    this.#backoff.reset();
  }
}
