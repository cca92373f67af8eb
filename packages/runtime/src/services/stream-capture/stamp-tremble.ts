/** Units that are looked at together. */
const UNITS = 64;
/** Of the interval: what the stamps of a steady stream, in their own order, differ from it by is less. */
const UNEVEN = 0.4;
/** How much less the arrivals must tremble than the stamps: otherwise it is the network. */
const STEADIER = 3;
/** Smaller errors of stamps do no harm. Milliseconds. */
const LEAST_MS = 20;

/**
 * Notices time stamps that tremble although pictures come evenly, as those of cameras that stamp when they have time to. The
 * least transit would be that of the stamp that is furthest ahead, and all others would look late. The mean over some units
 * has the delay all the same.
 *
 * B-frames are no trembling: their stamps are even once they are sorted. Neither is a network that delays at random:
 * there arrivals are uneven, too.
 */
export class StampTremble {
  readonly #pts = new Float64Array(UNITS);
  readonly #arrived = new Float64Array(UNITS);
  readonly #sorted = new Float64Array(UNITS);
  #count = 0;
  #sumMs = 0;
  #trembles = false;
  #calm = 0;
  #spreadMs = 0;
  #leastMs = 0;

  /** The least arrival minus stream time of the units that were looked at last: that of the stamp furthest ahead. Milliseconds. */
  get leastMs(): number {
    return this.#leastMs;
  }

  /** Whether {@link transit} gives means. */
  get trembles(): boolean {
    return this.#trembles;
  }

  /** How far a mean may be off, milliseconds; 0: it gives no means. */
  get spreadMs(): number {
    return this.#trembles ? this.#spreadMs : 0;
  }

  /** Arrival minus stream time of a unit, milliseconds; with stamps that tremble, its mean. Hot path: once per access unit. */
  transit(ptsMs: number, arrivedMs: number): number {
    const at = this.#count % UNITS;
    const oldMs = this.#count < UNITS ? 0 : (this.#arrived[at] ?? 0) - (this.#pts[at] ?? 0);
    this.#pts[at] = ptsMs;
    this.#arrived[at] = arrivedMs;
    this.#sumMs += arrivedMs - ptsMs - oldMs;
    this.#count += 1;
    if (at === UNITS - 1) this.#judge();
    return this.#trembles ? this.#sumMs / Math.min(this.#count, UNITS) : arrivedMs - ptsMs;
  }

  /** The stream has another clock. */
  restart(): void {
    this.#count = 0;
    this.#sumMs = 0;
    this.#trembles = false;
    this.#calm = 0;
  }

  #judge(): void {
    this.#sorted.set(this.#pts);
    this.#sorted.sort();
    const intervalMs = ((this.#sorted[UNITS - 1] ?? 0) - (this.#sorted[0] ?? 0)) / (UNITS - 1);
    const stampsMs = unevenness(this.#pts, intervalMs);
    const uneven = unevenness(this.#sorted, intervalMs) > UNEVEN * intervalMs && stampsMs > LEAST_MS;
    const arrivals = ((this.#arrived[UNITS - 1] ?? 0) - (this.#arrived[0] ?? 0)) / (UNITS - 1);
    const now = uneven && stampsMs > STEADIER * unevenness(this.#arrived, arrivals);
    this.#calm = now ? 0 : this.#calm + 1;
    if (now) this.#spreadMs = stampsMs / 2;
    this.#leastMs = this.#leastTransit();
    // It ends when two lots in a row were even.
    this.#trembles = now || (this.#trembles && this.#calm < 2);
  }

  #leastTransit(): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < UNITS; i += 1) least = Math.min(least, (this.#arrived[i] ?? 0) - (this.#pts[i] ?? 0));
    return least;
  }
}

/** The mean difference between the steps of a series and their mean. */
function unevenness(series: Float64Array, stepMs: number): number {
  let sum = 0;
  for (let i = 1; i < UNITS; i += 1) sum += Math.abs((series[i] ?? 0) - (series[i - 1] ?? 0) - stepMs);
  return sum / (UNITS - 1);
}
