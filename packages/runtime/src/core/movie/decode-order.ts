/** More pictures than any codec lets wait (H.264 and H.265: 16). */
const DEPTH_LIMIT = 16;
/** Of a picture behind which none has come, nobody knows how long it lasts: its share of the least step lately. */
const GUESSED = 7 / 8;
/** By which the least step grows with each picture: a stream may become slower. */
const GROWTH = 1.05;
/** Before there is a step: of a hundred pictures a second. Ticks. */
const UNKNOWN_TICKS = 900;

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
 *
 * A stream that needs more depth than was known has one picture that cannot be at its time: the one before it is decoded
 * after that already. That one is shown late; from the next one on, all are at their times.
 */
export class DecodeOrder {
  readonly #depth: number;
  readonly #intervalTicks: number;
  #waiting: number[] = [];
  #count = 0;
  readonly #earliest: number;
  #last = 0;
  /** The next picture is decoded no earlier. */
  #from = Number.NEGATIVE_INFINITY;
  /** The least time between two pictures lately. */
  #stepTicks = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #needed: number;
  #movedTicks = 0;

  /**
   * @param depth Pictures that may wait: of the stream's description, or of {@link reorderDepth}. @param intervalTicks Between
   *   two pictures. @param earliest When the first picture in the order of showing is shown, as far as known: with an open
   *   group not the first in decoding order.
   */
  constructor(depth: number, intervalTicks: number, earliest = 0) {
    this.#depth = depth;
    this.#earliest = earliest;
    this.#needed = depth;
    this.#intervalTicks = Math.max(1, Math.round(intervalTicks));
  }

  /** The depth that the pictures so far needed; more than was known when some of them had to be moved. */
  get needed(): number {
    return this.#needed;
  }

  /** By how much the picture that had to be moved most is late; 0: all are at their times. */
  get movedTicks(): number {
    return this.#movedTicks;
  }

  /** Ticks by which all times are to be shifted so that none is negative. */
  get shiftTicks(): number {
    return this.#depth * this.#intervalTicks - this.#earliest;
  }

  /**
   * How long the newest picture lasts, in ticks, when nobody knows what follows: hardly ever longer than it will. The next one
   * is decoded no earlier than it is over.
   */
  guess(): number {
    const stepTicks = this.#stepTicks === Number.POSITIVE_INFINITY ? UNKNOWN_TICKS : this.#stepTicks;
    const ticks = Math.max(1, Math.floor(stepTicks * GUESSED));
    this.#from += ticks - 1;
    return ticks;
  }

  /** The times of the next picture in decoding order. `shown` differs from what was given only when it needed more depth. */
  next(shownTicks: number): { readonly decoded: number; readonly shown: number } {
    this.#count += 1;
    this.#waiting.push(shownTicks);
    this.#waiting.sort((a, b) => a - b);
    const decoded = Math.max(this.#due(), this.#from);
    if (this.#count > 1) this.#stepTicks = Math.min(decoded - this.#last, this.#stepTicks * GROWTH);
    this.#last = decoded;
    this.#from = decoded + 1;
    const shown = Math.max(decoded, shownTicks);
    this.#movedTicks = Math.max(this.#movedTicks, shown - shownTicks);
    // A stream whose time stands still needs no depth: its pictures are moved by a tick each.
    if (shown > shownTicks && shownTicks < this.#newest) this.#needed = Math.min(DEPTH_LIMIT, this.#needed + 1);
    this.#newest = Math.max(this.#newest, shownTicks);
    return { decoded, shown };
  }

  /** When the next picture is to be decoded; minus infinity: as early as possible, for one more has to wait. */
  #due(): number {
    if (this.#count <= this.#depth) return this.#earliest - (this.#depth - this.#count + 1) * this.#intervalTicks;
    return this.#waiting.length > this.#needed ? (this.#waiting.shift() as number) : Number.NEGATIVE_INFINITY;
  }
}

/** The least time between two of these pictures in the order in which they are shown, but no more than what is known. */
export function leastInterval(presentations: readonly number[], knownTicks: number): number {
  const shown = presentations.toSorted((a, b) => a - b);
  const steps = shown.map((at, i) => at - (shown[i - 1] ?? Number.NEGATIVE_INFINITY));
  return Math.min(knownTicks, ...steps.filter((step) => step > 0));
}
