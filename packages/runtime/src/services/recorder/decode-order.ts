/** More pictures than any codec lets wait (H.264 and H.265: 16). */
const DEPTH_LIMIT = 16;

/**
 * How many pictures of a run, in decoding order, at most wait for one that is decoded later and shown earlier: the delay by
 * which decode times must precede presentation times. 0 without B-frames.
 */
export function reorderDepth(presentations: readonly number[]): number {
  let depth = 0;
  for (const [i, shown] of presentations.entries()) {
    let waiting = 0;
    for (let before = Math.max(0, i - 2 * DEPTH_LIMIT); before < i; before += 1)
      if ((presentations[before] as number) > shown) waiting += 1;
    depth = Math.max(depth, waiting);
  }
  return Math.min(depth, DEPTH_LIMIT);
}

/**
 * Makes decode times from presentation times, which is all that RTP has: the presentation times in their order, shifted by
 * the depth of reordering, so that no picture is decoded after it is shown, and each after the one before.
 */
export class DecodeOrder {
  /** The depth that a stream was found to need: a later one begins with it. */
  readonly depth: number;
  readonly #intervalTicks: number;
  #waiting: number[] = [];
  #count = 0;
  readonly #earliest: number;
  #last = Number.NEGATIVE_INFINITY;
  #needed: number;

  /**
   * @param depth Of {@link reorderDepth}. @param intervalTicks Between two pictures. @param earliest When the first picture in
   *   the order of showing is shown, as far as known: with an open group not the first in decoding order.
   */
  constructor(depth: number, intervalTicks: number, earliest = 0) {
    this.depth = depth;
    this.#earliest = earliest;
    this.#needed = depth;
    this.#intervalTicks = Math.max(1, Math.round(intervalTicks));
  }

  /** The depth that the pictures so far needed; more than `depth` when some of them had to be moved. */
  get needed(): number {
    return this.#needed;
  }

  /** Ticks by which all times are to be shifted so that none is negative. */
  get shiftTicks(): number {
    return this.depth * this.#intervalTicks - this.#earliest;
  }

  /** The times of the next picture in decoding order. `shown` differs from what was given only when it needed more depth. */
  next(shownTicks: number): { readonly decoded: number; readonly shown: number } {
    this.#count += 1;
    this.#waiting.push(shownTicks);
    this.#waiting.sort((a, b) => a - b);
    const early = this.#count <= this.depth;
    const due = early
      ? this.#earliest - (this.depth - this.#count + 1) * this.#intervalTicks
      : (this.#waiting.shift() as number);
    const decoded = Math.max(due, this.#last + 1);
    this.#last = decoded;
    if (decoded <= shownTicks) return { decoded, shown: shownTicks };
    this.#needed = Math.min(DEPTH_LIMIT, this.#needed + 1);
    return { decoded, shown: decoded };
  }
}
