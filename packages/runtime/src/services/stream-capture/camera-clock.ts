/** The camera's clock may differ from ours by about this much per millisecond, either way. */
const DRIFT = 200e-6;
/** More than this beyond what is known is not a way through a network: the clock was set. Milliseconds. */
const SET_MS = 60_000;

/**
 * What is known about a camera's wall clock against ours, over all its connections: how long a sender report takes when
 * nothing holds it up, plus the constant by which the two clocks differ. The constant alone is never used: only how much
 * more a later report shows.
 */
export class CameraClock {
  /** Pairs of reports in a row between which the wall clock ran as ours did, and the stream's clock did not. */
  #wrongRates = 0;
  /** Arrival minus wall time of the fastest report. */
  #leastMs: number | undefined;
  #learnedMs = 0;

  /** Whether two pairs of reports in a row have shown that the stream's clock runs at another rate than time. */
  get isRateWrong(): boolean {
    return this.#wrongRates >= 2;
  }

  /** What a pair of reports shows about that. */
  judgeRate(wrong: boolean): void {
    this.#wrongRates = wrong ? this.#wrongRates + 1 : 0;
  }

  /**
   * How much longer a report took than the fastest known one, milliseconds, beyond what the clocks may have drifted apart;
   * 0 or more. Undefined: nothing is known, or the clock was set.
   */
  excess(arrivedMs: number, wallMs: number): number | undefined {
    if (this.#leastMs === undefined) return undefined;
    const excess = arrivedMs - wallMs - this.#leastMs - Math.max(0, arrivedMs - this.#learnedMs) * DRIFT;
    return excess > SET_MS ? undefined : Math.max(0, excess);
  }

  /** A report that nothing held up. */
  learn(arrivedMs: number, wallMs: number): void {
    this.#leastMs = arrivedMs - wallMs;
    this.#learnedMs = arrivedMs;
  }

  /** The camera's wall clock was set forward by so many milliseconds (back, if negative), as its reports show. */
  set(forwardMs: number): void {
    if (this.#leastMs !== undefined) this.#leastMs -= forwardMs;
  }
}
