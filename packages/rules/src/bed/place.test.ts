import { expect, test } from 'vitest';
import { bodyOf } from '../body.ts';
import { BedPlaces } from './place.ts';

const ASPECT = 4 / 3;
const places = new BedPlaces(
  [
    [0.3, 0.5],
    [0.7, 0.5],
    [0.72, 0.62],
    [0.28, 0.62],
  ],
  ASPECT,
);
const STANDING = 0.6;

test.each([
  ['lies', [0.34, 0.48, 0.64, 0.6], 'lying'],
  ['sits up', [0.4, 0.3, 0.6, 0.58], 'sitting'],
  ['sits on the edge', [0.4, 0.3, 0.6, 0.76], 'edge'],
  ['stands before it', [0.43, 0.15, 0.57, 0.75], 'near'],
  ['kneels before it', [0.4, 0.375, 0.6, 0.855], 'away'],
  ['kneels at a distance', [0.4, 0.55, 0.6, 0.99], 'away'],
  ['stands beside it', [0.76, 0.15, 0.88, 0.75], 'near'],
  ['stands further away', [0.88, 0.15, 0.99, 0.75], 'away'],
  ['stands behind it', [0.43, 0.05, 0.53, 0.45], 'away'],
] as const)('who %s', (_, [left, top, right, bottom], place) => {
  expect(places.of(bodyOf([left, top, right, bottom], ASPECT), STANDING)).toBe(place);
});

test('where it is not known how high who stands is, who is wide sits', () => {
  expect(places.of(bodyOf([0.4, 0.3, 0.6, 0.76], ASPECT), undefined)).toBe('edge');
  expect(places.of(bodyOf([0.45, 0.3, 0.55, 0.76], ASPECT), undefined)).toBe('near');
});

test('who is cut off by the left or right edge of the picture comes in, unless the bed is cut off there, too', () => {
  const [atLeft, atRight, inside] = [0, 0.9, 0.5].map((left) => bodyOf([left, 0.2, left + 0.1, 0.8], ASPECT));
  expect([atLeft, atRight, inside].map((body) => body && places.comesIn(body))).toEqual([true, true, false]);
  const wide = new BedPlaces(
    [
      [0, 0.5],
      [0.7, 0.5],
      [0.7, 0.6],
      [0, 0.6],
    ],
    ASPECT,
  );
  expect([atLeft, atRight].map((body) => body && wide.comesIn(body))).toEqual([false, true]);
});
