import type { Clip } from '@vigia/testkit';

/** Bits of a picture's number, and the size of the square that shows one: larger than a block of the codecs. */
const BITS = 8;
const SQUARE = 16;

/** Clips of so many pictures have a different number in each. */
export const MOST_PICTURES: number = 2 ** BITS;

/** Where a reader of pictures finds the number: squares from the upper left corner, the lowest bit first, white is 1. */
export const NUMBER_PLACE: { readonly bits: number; readonly square: number } = { bits: BITS, square: SQUARE };

/** Effect of ffmpeg that paints the number of each picture into it. */
export const PAINT_NUMBERS: string = Array.from({ length: BITS }, (_, bit) => {
  const box = `drawbox=x=${bit * SQUARE}:y=0:w=${SQUARE}:h=${SQUARE}:t=fill`;
  return `${box}:c=black,${box}:c=white:enable='gt(bitand(n,${2 ** bit}),0)'`;
}).join(',');

/** The number of each unit's picture: its place in the order of showing. */
export function numbersOf({ units }: Pick<Clip, 'units'>): ReadonlyMap<number, number> {
  const shown = units.toSorted((a, b) => a.ptsTicks - b.ptsTicks);
  return new Map(shown.map(({ index }, number) => [index, number]));
}
