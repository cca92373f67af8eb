import { quantile } from '../support/numbers.ts';
import type { PrintedQuantiles, PrintedSample } from './sample-line.ts';

/** Values of one kind, in memory that was there before: recording allocates nothing. */
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
 * Collects what one window measured, in nanoseconds. Used during the warm-up as well, and cleared then: a branch that is
 * taken for the first time in the measured window makes V8 throw away what it compiled.
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

  /** Forgets everything. */
  clear(): void {
    this.#publish.clear();
    this.#latency.clear();
    this.#last.clear();
  }

  /** How long a call of `publish` took. */
  published(ns: number): void {
    this.#publish.add(ns);
  }

  /** How long a frame took to one of its consumers; `last` when no other will get it later. */
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
