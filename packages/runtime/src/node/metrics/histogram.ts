/**
 * Upper bounds of the buckets in seconds, ascending, inclusive. From a picture that was just decoded to the age at which
 * every SLA is broken; finest where results of a healthy node lie. Greater values are in a last bucket without a bound.
 */
export const BOUNDS_S: readonly number[] = [0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10];

const BUCKETS = BOUNDS_S.length + 1;

/** A histogram of durations with fixed buckets. Recording allocates nothing. */
export class Histogram {
  /** How many values each bucket has; after them, the sum of all values in seconds. */
  readonly #numbers = new Float64Array(BUCKETS + 1);

  /** Records one duration in seconds, 0 or more. */
  record(seconds: number): void {
    let bucket = 0;
    while (bucket < BOUNDS_S.length && seconds > (BOUNDS_S[bucket] as number)) bucket += 1;
    this.#add(bucket, 1);
    this.#add(BUCKETS, seconds);
  }

  /** The number of values up to each bound of {@link BOUNDS_S}; the last entry is the number of all values. */
  cumulative(): number[] {
    const counts: number[] = [];
    for (let bucket = 0, sum = 0; bucket < BUCKETS; bucket += 1) {
      sum += this.#numbers[bucket] as number;
      counts.push(sum);
    }
    return counts;
  }

  /** The sum of all values in seconds. */
  get sum(): number {
    return this.#numbers[BUCKETS] as number;
  }

  clear(): void {
    this.#numbers.fill(0);
  }

  #add(at: number, value: number): void {
    this.#numbers[at] = (this.#numbers[at] as number) + value;
  }
}
