import { quantile } from '../support/numbers.ts';
import type { PrintedQuantiles, PrintedSample } from './sample-line.ts';

/** Values of one kind, in preallocated memory: recording allocates nothing. */
class Series {
  readonly #values: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  add(value: number): void {
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  clear(): void {
    this.#count = 0;
  }

  quantiles(): PrintedQuantiles {
    const values = [...this.#values.subarray(0, this.#count)];
    if (values.length === 0) return { n: 0 };
    return { n: this.#count, p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
  }
}

/**
 * Collects the measurements of one window, in nanoseconds. Used during the warm-up as well, and cleared then: a branch
 * first taken in the measured window would make V8 discard its compiled code.
 */
export class Recorder {
  readonly #publish: Series;
  readonly #latency: Series;
  readonly #last: Series;

  /**
   * @param frames More than will be published, warm-up included.
   * @param consumers That get each of them.
   */
  constructor(frames: number, consumers: number) {
    this.#publish = new Series(frames);
    this.#latency = new Series(frames * consumers);
    this.#last = new Series(frames);
  }

  /** Clears all values. */
  clear(): void {
    this.#publish.clear();
    this.#latency.clear();
    this.#last.clear();
  }

  /** Duration of a call of `publish`. */
  published(ns: number): void {
    this.#publish.add(ns);
  }

  /** Latency of a frame to one of its consumers; `last` when it is the last one. */
  received(ns: number, last: boolean): void {
    this.#latency.add(ns);
    if (last) this.#last.add(ns);
  }

  /** The line to print. */
  sample(perSecond: number): PrintedSample {
    return {
      pubs_per_s: perSecond,
      recv_per_s: perSecond,
      pub: this.#publish.quantiles(),
      lat: this.#latency.quantiles(),
      last: this.#last.quantiles(),
    };
  }
}
