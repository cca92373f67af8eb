import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { sleep, systemClock } from '@vigia/base';

/** How often it looks, in milliseconds: as often as Node can. */
const RESOLUTION_MS = 1;

/**
 * Tells for how long the event loop was blocked at most, by whatever: our own turns, collections, and other processes that
 * had the core meanwhile. A timer of libuv's own, which no turn of ours delays but by blocking.
 */
export class LoopWatch {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #longestMs = 0;

  constructor() {
    this.#histogram.enable();
  }

  /** The longest block since the last call, milliseconds. */
  takeLongestMs(): number {
    this.#take();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  /** Does something whose blocks do not count. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#take();
    try {
      return await work();
    } finally {
      // The timer tells of the last block at its next turn.
      await sleep(systemClock, 2 * RESOLUTION_MS);
      this.#histogram.reset();
    }
  }

  /** Stops looking. Idempotent. */
  close(): void {
    this.#histogram.disable();
  }

  #take(): void {
    this.#longestMs = Math.max(this.#longestMs, this.#histogram.max / 1e6 - RESOLUTION_MS);
    this.#histogram.reset();
  }
}
