import { type Body, shapeOf } from './body.ts';

/** Who is so narrow, and moves so fast across the picture, walks: not who sits still. Width by height; heights per second. */
const STANDS = 0.45;
const WALKS = 0.1;
/** Surely seen, and not cut off by the picture's upper or lower edge. */
const LEAST_SCORE = 0.6;
const EDGE = 0.02;
/** Places are as high as this, in heights of the picture; each keeps its newest heights. */
const PLACE = 0.05;
const KEPT = 25;
/** Of these, this quantile: boxes of who stands are cut off more often than they are too high. */
const QUANTILE = 0.75;
/** Places further apart than this show how heights change with the distance. In heights of the picture. */
const LEVER = 0.1;
/** Heights in one picture do not differ by more than this factor from the nearest one that is known. */
const MOST_CHANGE = 1.5;

/** How high somebody who stands is at a place, learned from those who walked there: who is near is higher in the picture. */
export class StandingHeights {
  readonly #places = new Map<number, number[]>();

  /**
   * Somebody was seen. Only those who surely walk count.
   *
   * @param speed Across the picture, in body heights per second.
   */
  learn(body: Body, score: number, speed: number): void {
    const { top, bottom, height } = body;
    if (score < LEAST_SCORE || top < EDGE || bottom > 1 - EDGE) return;
    if (shapeOf(body) > STANDS || Math.abs(speed) < WALKS) return;
    const key = Math.round(bottom / PLACE);
    const heights = this.#places.get(key) ?? [];
    heights.push(height);
    if (heights.length > KEPT) heights.shift();
    this.#places.set(key, heights);
  }

  /** Height of somebody who stands with their feet here; undefined: nobody has stood yet. In heights of the picture. */
  at(bottom: number): number | undefined {
    const known = [...this.#places].map(([key, heights]) => ({
      at: key * PLACE,
      height: quantile(heights),
      weight: heights.length,
    }));
    const [first] = known;
    if (!first) return undefined;
    const nearest = known.reduce((best, one) => (Math.abs(one.at - bottom) < Math.abs(best.at - bottom) ? one : best));
    const height = nearest.height + slopeOf(known) * (bottom - nearest.at);
    return Math.min(nearest.height * MOST_CHANGE, Math.max(nearest.height / MOST_CHANGE, height));
  }
}

function quantile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * QUANTILE))] as number;
}

/** How much higher people are, lower in the picture: least squares, 0 or more. */
function slopeOf(known: readonly { readonly at: number; readonly height: number; readonly weight: number }[]): number {
  const places = known.map(({ at }) => at);
  if (Math.max(...places) - Math.min(...places) < LEVER) return 0;
  const all = known.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (of: (one: (typeof known)[number]) => number): number =>
    known.reduce((sum, one) => sum + one.weight * of(one), 0) / all;
  const [at, height] = [mean((one) => one.at), mean((one) => one.height)];
  const across = mean((one) => (one.at - at) * (one.height - height));
  const along = mean((one) => (one.at - at) ** 2);
  return Math.max(0, across / along);
}
