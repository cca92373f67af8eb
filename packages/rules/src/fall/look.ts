import { type Body, middleOf } from '../body.ts';

/**
 * A second look at a part of a picture: a square at native resolution, padded where it reaches over the picture's edge, and
 * turned. Detectors lose people exactly when they lie down; turned by a quarter they find them.
 */
export interface Look {
  /** For whom. */
  readonly person: number;
  /** The middle of the square and its side, in heights of the picture. */
  readonly x: number;
  readonly y: number;
  readonly side: number;
  /** By how much the square is turned to the right before the model sees it. Degrees. */
  readonly turn: 0 | 90;
}

/** Side of the square, in body heights: a body that lies beside its feet is still in it. */
const SIDE = 1.6;
/** Somebody found by a look is between so long and so long, in body heights, and covers so much, in squares of them. */
const LOOKED = { shortest: 0.35, longest: 1.4, area: 0.06, below: 0.9 };
const TURNS = [0, 90] as const;
/** How many looks one place gets. */
export const LOOKS_PER_PLACE: number = TURNS.length;

/** Both looks at the place where a person was last seen. @param height Of the person standing, in heights of the picture. */
export function looksAt(person: number, last: Body, height: number): readonly Look[] {
  const { x } = middleOf(last);
  const y = last.bottom - Math.min(last.height, height) / 2;
  return TURNS.map((turn) => ({ person, x, y, side: SIDE * height, turn }));
}

/** Whether a box that a look found can be the body of somebody who was here. @param height Of the person standing. */
export function canBeBody(body: Body, last: Body, height: number): boolean {
  const longest = Math.max(body.width, body.height);
  if (body.width * body.height < LOOKED.area * height * height || body.bottom > last.bottom + LOOKED.below * height)
    return false;
  return longest >= LOOKED.shortest * height && longest <= LOOKED.longest * height;
}
