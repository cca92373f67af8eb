/** How one coordinate of an object moves. All lengths in the unit of what is measured, times in seconds. */
export interface AxisNoise {
  /** Standard deviation of a measurement. */
  readonly measured: number;
  /** Standard deviation of a speed that nothing is known of, units per second. */
  readonly speed: number;
  /** How fast a speed changes: its standard deviation after a second, units per second. */
  readonly change: number;
}

/** After this long a speed has fallen to 37 %: nobody walks straight on forever. Seconds. */
const SPEED_FADES_S = 3;

/**
 * A coordinate and its speed: a Kalman filter whose model is a constant speed that changes by white noise and fades
 * (Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, 6.2). Steps may be of any
 * length.
 */
export class Axis {
  at: number;
  speed = 0;
  #atVariance: number;
  #between = 0;
  #speedVariance: number;

  /** Measured once: nothing is known of its speed. */
  constructor(at: number, { measured, speed }: AxisNoise) {
    this.at = at;
    this.#atVariance = measured ** 2;
    this.#speedVariance = speed ** 2;
  }

  /** Variance of `at`. */
  get variance(): number {
    return this.#atVariance;
  }

  /** Time passes. */
  predict(seconds: number, { change }: AxisNoise): void {
    const fade = Math.exp(-seconds / SPEED_FADES_S);
    // The way that a fading speed covers.
    const reach = SPEED_FADES_S * (1 - fade);
    const power = change ** 2;
    this.at += this.speed * reach;
    this.speed *= fade;
    this.#atVariance += 2 * reach * this.#between + reach ** 2 * this.#speedVariance + (power * seconds ** 3) / 3;
    this.#between = fade * (this.#between + reach * this.#speedVariance) + (power * seconds ** 2) / 2;
    this.#speedVariance = fade ** 2 * this.#speedVariance + power * seconds;
  }

  /** A measurement now. @param deviation Its standard deviation. */
  update(measured: number, deviation: number): void {
    const sum = this.#atVariance + deviation ** 2;
    const [gain, speedGain] = [this.#atVariance / sum, this.#between / sum];
    const off = measured - this.at;
    this.at += gain * off;
    this.speed += speedGain * off;
    this.#speedVariance -= speedGain * this.#between;
    this.#between *= 1 - gain;
    this.#atVariance *= 1 - gain;
  }
}
