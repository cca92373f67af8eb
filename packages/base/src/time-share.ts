const SECOND_MS = 1_000;

/** Bounds how much of each second a kind of work takes, when its source can be made to wait. */
export class TimeShare {
  readonly #perSecondMs: number;
  #secondMs = Number.NEGATIVE_INFINITY;
  #spentMs = 0;

  /** @param perSecondMs Milliseconds of each second. */
  constructor(perSecondMs: number) {
    this.#perSecondMs = perSecondMs;
  }

  /**
   * Counts a piece of work. Both times are of the same clock, milliseconds.
   *
   * @returns how long its source must wait, milliseconds: to the end of the second. Undefined while there is time left.
   */
  spent(beganMs: number, endedMs: number): number | undefined {
    if (beganMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = beganMs;
      this.#spentMs = 0;
    }
    this.#spentMs += endedMs - beganMs;
    return this.#spentMs < this.#perSecondMs ? undefined : Math.max(0, this.#secondMs + SECOND_MS - endedMs);
  }
}
