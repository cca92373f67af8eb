/** A step of more than this between arrival and time stamp is a new clock. Milliseconds. */
const STEP_MS = 1_000;
/** How fast the least transit may grow, for clocks that differ. */
const DRIFT = 200e-6;

/**
 * When sound was captured, on the node's clock. Its time stamps have another origin than those of the pictures; what both
 * share is when they came, and the fastest unit shows the offset.
 */
export class SoundTimes {
  #leastMs: number | undefined;
  #arrivedMs = 0;

  /** Monotonic milliseconds. To be called in order of arrival. */
  capturedMs(ptsMs: number, arrivedMs: number): number {
    const transitMs = arrivedMs - ptsMs;
    const grownMs = Math.max(0, arrivedMs - this.#arrivedMs) * DRIFT;
    this.#arrivedMs = arrivedMs;
    if (this.#leastMs === undefined || Math.abs(transitMs - this.#leastMs) > STEP_MS) this.#leastMs = transitMs;
    else this.#leastMs = Math.min(this.#leastMs + grownMs, transitMs);
    return ptsMs + this.#leastMs;
  }

  /** Another connection has another clock. */
  restart(): void {
    this.#leastMs = undefined;
  }
}
