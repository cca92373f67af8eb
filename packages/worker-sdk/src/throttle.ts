import type { Clock } from '@vigia/base';

/** Admits a number of events per period, which begins with the first one. */
export class Throttle {
  readonly #limit: number;
  readonly #periodMs: number;
  readonly #clock: Clock;
  #beganMs = Number.NEGATIVE_INFINITY;
  #passed = 0;

  constructor(limit: number, periodMs: number, clock: Clock) {
    this.#limit = limit;
    this.#periodMs = periodMs;
    this.#clock = clock;
  }

  /** Whether one more event may pass now. */
  passes(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#beganMs >= this.#periodMs) {
      this.#beganMs = nowMs;
      this.#passed = 0;
    }
    this.#passed += 1;
    return this.#passed <= this.#limit;
  }
}
