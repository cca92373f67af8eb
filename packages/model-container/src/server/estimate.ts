/** Weight of the newest observation. */
const WEIGHT = 0.1;

/**
 * What to expect of something that is observed again and again: a moving mean and a moving mean deviation from it
 * (V. Jacobson, Congestion Avoidance and Control, 1988). No memory of single observations.
 */
export class Estimate {
  #mean: number;
  #deviation: number;
  #known: boolean;

  /** @param first What to expect before the first observation; undefined when that is not known. */
  constructor(first?: number) {
    this.#mean = first ?? 0;
    this.#deviation = 0;
    this.#known = first !== undefined;
  }

  /** Undefined when nothing is known. */
  get mean(): number | undefined {
    return this.#known ? this.#mean : undefined;
  }

  /** One mean deviation below the mean: most observations are above it. Undefined when nothing is known. */
  get low(): number | undefined {
    return this.#known ? this.#mean - this.#deviation : undefined;
  }

  /** One mean deviation above the mean: most observations are below it. Undefined when nothing is known. */
  get high(): number | undefined {
    return this.#known ? this.#mean + this.#deviation : undefined;
  }

  /** Takes one observation in. */
  observe(value: number): void {
    if (!this.#known) {
      this.#mean = value;
      this.#known = true;
      return;
    }
    const error = value - this.#mean;
    this.#mean += WEIGHT * error;
    this.#deviation += WEIGHT * (Math.abs(error) - this.#deviation);
  }
}
