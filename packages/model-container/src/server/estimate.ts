/** Weight of the newest observation. */
const WEIGHT = 0.1;

/**
 * Estimates a repeated observation: a moving mean and a moving mean deviation (V. Jacobson, Congestion Avoidance and
 * Control, 1988). Keeps no single observations.
 */
export class Estimate {
  #mean: number;
  #deviation: number;
  #known: boolean;

  /** @param first Estimate before the first observation; undefined when unknown. */
  constructor(first?: number) {
    this.#mean = first ?? 0;
    this.#deviation = 0;
    this.#known = first !== undefined;
  }

  /** Undefined when unknown. */
  get mean(): number | undefined {
    return this.#known ? this.#mean : undefined;
  }

  /** One mean deviation below the mean: most observations are above it. Undefined when unknown. */
  get low(): number | undefined {
    return this.#known ? this.#mean - this.#deviation : undefined;
  }

  /** One mean deviation above the mean: most observations are below it. Undefined when unknown. */
  get high(): number | undefined {
    return this.#known ? this.#mean + this.#deviation : undefined;
  }

  /** Adds an observation. */
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
