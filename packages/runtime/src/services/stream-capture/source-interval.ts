const WINDOW = 16;
/** Keyframes of some cameras are half a minute apart; a clock that jumps by an hour looks like more. */
const LONGEST_MS = 60_000;

/** The source's frame interval, from the stream's own clock: the mean over the last 16 pictures, in any order. */
export class SourceInterval {
  readonly #ptsMs = new Float64Array(WINDOW);
  #count = 0;
  #intervalMs: number;

  /** @param initialMs Assumed until two pictures have arrived. */
  constructor(initialMs = 100) {
    this.#intervalMs = initialMs;
  }

  /** Milliseconds between two pictures. */
  get ms(): number {
    return this.#intervalMs;
  }

  observe(ptsMs: number): void {
    this.#ptsMs[this.#count % WINDOW] = ptsMs;
    this.#count += 1;
    const held = Math.min(this.#count, WINDOW);
    if (held < 2) return;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < held; i += 1) {
      const value = this.#ptsMs[i] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const mean = (high - low) / (held - 1);
    // A window with a clock jump in it has no meaningful mean.
    if (mean >= 1 && mean <= LONGEST_MS) this.#intervalMs = mean;
  }

  /** A new connection: the window starts again, the last interval holds until it is filled. */
  reset(): void {
    this.#count = 0;
  }
}
