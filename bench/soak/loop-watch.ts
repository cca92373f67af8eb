import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { sleep, systemClock } from '@vigia/base';

/** Polling interval, in milliseconds: the shortest that Node offers. */
const RESOLUTION_MS = 1;

/**
 * Measures the longest block of the event loop, by any cause: our own turns, collections, and other processes on the
 * core. Uses a libuv timer that only a block can delay.
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

  /** Runs a function whose blocks do not count. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#take();
    try {
      return await work();
    } finally {
      // The timer reports the last block at its next turn.
      await sleep(systemClock, 2 * RESOLUTION_MS);
      this.#histogram.reset();
    }
  }

  /** Stops measuring. Idempotent. */
  close(): void {
    this.#histogram.disable();
  }

  #take(): void {
    this.#longestMs = Math.max(this.#longestMs, this.#histogram.max / 1e6 - RESOLUTION_MS);
    this.#histogram.reset();
  }
}
