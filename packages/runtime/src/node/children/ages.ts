import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Greater ages are recorded as this one. Milliseconds. */
const HIGHEST_MS = 600_000;

/** Quantiles in milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A histogram of ages with a precision of 0.1 %. Its size is fixed: about 150 KB. */
export class AgeHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: HIGHEST_MS * 1000, figures: 3 });

  /** Records one age in milliseconds. */
  record(ageMs: number): void {
    this.#histogram.record(Math.max(1, Math.min(HIGHEST_MS * 1000, Math.round(ageMs * 1000))));
  }

  /** Null before the first value. */
  quantiles(): Quantiles | null {
    if (this.#histogram.count === 0) return null;
    const at = (p: number): number => this.#histogram.percentile(p) / 1000;
    return { p50: at(50), p95: at(95), p99: at(99), max: this.#histogram.max / 1000 };
  }

  reset(): void {
    this.#histogram.reset();
  }
}
