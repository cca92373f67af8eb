import type { Clock, Timer } from './clock.ts';

/**
 * A deadline that is set often and rarely passes. Setting it is one assignment: at most one timer runs per period, not
 * one per request.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #onPassed: () => void;
  #dueMs: number | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, onPassed: () => void) {
    this.#clock = clock;
    this.#onPassed = onPassed;
  }

  /** Calls back once `ms` from now, unless cleared or set again. */
  set(ms: number): void {
    this.#dueMs = this.#clock.nowMs() + ms;
    this.#timer ??= this.#clock.after(ms, this.#check);
  }

  /** Clears the deadline. The timer may still fire, and does nothing then. */
  clear(): void {
    this.#dueMs = undefined;
  }

  /** Clears the deadline and cancels the timer. */
  close(): void {
    this.#dueMs = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #check = (): void => {
    this.#timer = undefined;
    if (this.#dueMs === undefined) return;
    const leftMs = this.#dueMs - this.#clock.nowMs();
    if (leftMs > 0) {
      this.#timer = this.#clock.after(leftMs, this.#check);
      return;
    }
    this.#dueMs = undefined;
    this.#onPassed();
  };
}
