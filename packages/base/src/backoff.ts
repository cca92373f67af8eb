/** Options of {@link Backoff}. Times in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Growth per failure. Default 2. */
  readonly factor?: number;
  /** Share of the delay that is random, 0..1. Default 0.3: many cameras must not reconnect at the same moment. */
  readonly jitter?: number;
  /** Uniform in [0, 1). Replaced in tests. */
  readonly random?: () => number;
}

/** Jittered exponential back-off with a cap. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = { factor: 2, jitter: 0.3, random: Math.random, ...options };
  }

  /** Failures since the last {@link reset}. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns how long to wait, in milliseconds, within (1 − jitter .. 1] of the nominal delay. */
  next(): number {
    const { firstMs, maxMs, factor, jitter, random } = this.#options;
    const nominal = Math.min(maxMs, firstMs * factor ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return nominal * (1 - jitter * random());
  }

  /** Call it after a success that lasted. */
  reset(): void {
    this.#failures = 0;
  }
}
