import type { ZoneConfig } from '@vigia/contracts';
import { type Body, shapeOf } from '../body.ts';
import { contains, standsIn } from '../zones.ts';

/**
 * Where somebody is, as seen from a bed. `lying` and `sitting`: on it. `edge`: sits on it, the feet in front of it. `near`:
 * stands close to it. `away`: anywhere else.
 */
export type Place = 'lying' | 'sitting' | 'edge' | 'near' | 'away';

/** On it, or on its edge. */
export function isAtBed(place: Place): boolean {
  return place === 'lying' || place === 'sitting' || place === 'edge';
}

/** On a bed, who is so wide lies. Width by height. */
const LIES = 1.5;
/** Who is lower than this share of a standing person sits. */
const SITS = 0.82;
/** Where it is not known how high who stands is: who is so wide sits. Width by height. */
const SITS_SHAPE = 0.48;
/** A seat is between so far and so far down from the top of the body, in shares of its height. */
const SEAT = [0.5, 0.6, 0.7];
/** Whose feet are further below the bed than this, in their own heights, does not sit on it, but kneels in front of it. */
const FEET = 0.42;
/** Who is so close to the picture's edge is cut off by it. */
const EDGE = 0.02;
/** Near: the feet are no further from the bed than this, in body heights. */
const NEAR = 0.4;

/** A bed in the picture. */
export class BedPlaces {
  readonly #points: ZoneConfig['points'];
  readonly #aspect: number;

  /** @param points Outline of the bed. @param aspect Width of the picture by its height. */
  constructor(points: ZoneConfig['points'], aspect: number) {
    this.#points = points;
    this.#aspect = aspect;
  }

  /** @param standing How high somebody who stands here is, in heights of the picture; undefined: not known. */
  of(body: Body, standing: number | undefined): Place {
    if (standsIn(this.#points, body, this.#aspect)) return shapeOf(body) >= LIES ? 'lying' : 'sitting';
    const isLow = standing === undefined ? shapeOf(body) >= SITS_SHAPE : body.height < SITS * standing;
    if (isLow && this.isSeat(body)) return 'edge';
    return this.#isNear(body) ? 'near' : 'away';
  }

  /** Whether somebody who sits there as high as this sits on the bed, the feet in front of it. */
  isSeat({ left, top, width, height, bottom }: Body): boolean {
    const x = (left + width / 2) / this.#aspect;
    if (bottom - lowestAt(this.#points, x) > FEET * height) return false;
    return SEAT.some((share) => contains(this.#points, x, top + share * height));
  }

  /** Whether the picture's left or right edge cuts off somebody, where it does not cut off the bed: who gets up is not there. */
  comesIn({ left, right }: Body): boolean {
    const across = this.#points.map(([x]) => x);
    return (
      (left < EDGE && Math.min(...across) >= EDGE) || (right > this.#aspect - EDGE && Math.max(...across) <= 1 - EDGE)
    );
  }

  #isNear({ left, width, bottom, height }: Body): boolean {
    const x = left + width / 2;
    const [across, down] = [this.#points.map(([at]) => at * this.#aspect), this.#points.map(([, at]) => at)];
    const reach = NEAR * height;
    const isBeside = x > Math.min(...across) - reach && x < Math.max(...across) + reach;
    return isBeside && bottom > Math.min(...down) && bottom < Math.max(...down) + reach;
  }
}

/** The lower edge of an outline at this place; without one there, its lowest corner. */
function lowestAt(points: ZoneConfig['points'], x: number): number {
  const crossings = points.flatMap(([x1, y1], i) => {
    const [x2, y2] = points[(i + 1) % points.length] as readonly [number, number];
    return x1 > x === x2 > x ? [] : [y1 + ((x - x1) / (x2 - x1)) * (y2 - y1)];
  });
  return Math.max(...(crossings.length > 0 ? crossings : points.map(([, y]) => y)));
}
