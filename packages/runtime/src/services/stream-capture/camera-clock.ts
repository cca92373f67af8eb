/** A camera's clock may differ from ours by about this much per millisecond, either way. */
export const DRIFT: number = 200e-6;

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
   * Arrival minus wall time of a report that nothing holds up, milliseconds, at most: the clocks may have drifted apart since
   * that was learned. Undefined: nothing is known.
   */
  leastAt(arrivedMs: number): number | undefined {
    return this.#leastMs === undefined ? undefined : this.#leastMs + Math.max(0, arrivedMs - this.#learnedMs) * DRIFT;
  }

  /** @param leastMs Arrival minus wall time of a report that nothing holds up, as of now. */
  learn(arrivedMs: number, leastMs: number): void {
    this.#leastMs = leastMs;
    this.#learnedMs = arrivedMs;
  }

  /** The camera's wall clock was set forward by so many milliseconds (back, if negative), as its reports show. */
  set(forwardMs: number): void {
    if (this.#leastMs !== undefined) this.#leastMs -= forwardMs;
  }
}
