import { type Clock, sleep } from '@vigia/base';

/** What works for so long lets others work. Milliseconds. */
const SLICE_MS = 2;
/** Longest pause. Milliseconds. */
const PAUSE_MS = 20;

/** Work in slices, each followed by a pause as long: nobody waits for it, and it takes half a core at most. */
export class Pace {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #sinceMs: number;

  /** @param signal Ends the work. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#sinceMs = clock.nowMs();
  }

  /** The slice is over: time for a pause. */
  get isOver(): boolean {
    return this.#clock.nowMs() - this.#sinceMs >= SLICE_MS;
  }

  /** @throws the signal's reason. */
  async pause(): Promise<void> {
    const workedMs = this.#clock.nowMs() - this.#sinceMs;
    await sleep(this.#clock, Math.min(workedMs, PAUSE_MS), this.#signal);
    this.#sinceMs = this.#clock.nowMs();
  }
}
