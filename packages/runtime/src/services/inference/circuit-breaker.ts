import { Backoff, type Clock } from '@vigia/base';

/** Failures in a row that open the circuit: a single bad picture is not a broken model. */
export const FAILURES_TO_OPEN = 5;
const RETRY = { firstMs: 1_000, maxMs: 30_000 };

/** What the end of a request says about the model. */
export type Verdict = 'success' | 'failure' | 'neutral';

/**
 * Keeps a camera from asking a model that fails again and again: {@link FAILURES_TO_OPEN} failures in a row open the
 * circuit. After a pause it lets one trial request through, whose verdict closes the circuit or opens it for longer. Uses no
 * timers: a consumer asks it when a picture is due.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #failures = 0;
  /** When a trial is allowed; undefined while the circuit is closed. */
  #retryAtMs: number | undefined;
  #trialOut = false;
  /** Counts openings and resets: the verdict of a request from before one is ignored after it. */
  #token = 0;

  /** @param random Uniform in [0, 1), for the back-off. Injected in tests. */
  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#backoff = new Backoff({ ...RETRY, random });
  }

  /** Whether the circuit is open, so that the model gets no request but a trial. */
  get open(): boolean {
    return this.#retryAtMs !== undefined;
  }

  /** Whether a request may be made now. While the circuit is open: one trial at a time, after the pause. */
  allows(): boolean {
    if (this.#retryAtMs === undefined) return true;
    return !this.#trialOut && this.#clock.nowMs() >= this.#retryAtMs;
  }

  /** A request begins. @returns the token to pass to `record()`. */
  began(): number {
    if (this.#retryAtMs !== undefined) this.#trialOut = true;
    return this.#token;
  }

  /** Whether the circuit has neither opened nor been reset since the request with this token began. */
  isCurrent(token: number): boolean {
    return token === this.#token;
  }

  /** A request has ended. A `neutral` trial leaves the circuit open and makes room for another trial. */
  record(verdict: Verdict, token: number): void {
    if (!this.isCurrent(token)) return;
    this.#trialOut = false;
    if (verdict === 'success') this.#close();
    else if (verdict === 'failure') this.#onFailure();
  }

  /** Another container took over. The verdicts on its predecessor do not apply to it. */
  reset(): void {
    this.#token += 1;
    this.#close();
  }

  #onFailure(): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#retryAtMs = this.#clock.nowMs() + this.#backoff.next();
    this.#token += 1;
  }

  #close(): void {
    this.#failures = 0;
    this.#retryAtMs = undefined;
    this.#backoff.reset();
  }
}
