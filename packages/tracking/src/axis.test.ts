import { expect, test } from 'vitest';
import { Axis } from './axis.ts';

const NOISE = { measured: 0.1, speed: 1, change: 0.2 };

const deviationOf = ({ variance }: Axis): number => Math.sqrt(variance);

/** What is known after these measurements, 0.2 s apart, and 1 s without one. */
function measured(places: readonly number[]): Axis {
  const axis = new Axis(places[0] as number, NOISE);
  for (const place of places.slice(1)) {
    axis.predict(0.2, NOISE);
    axis.update(place, NOISE.measured);
  }
  return axis;
}

test('a steady walk is learned: place and speed, and how surely', () => {
  const axis = measured(Array.from({ length: 20 }, (_, i) => 0.1 * i));
  expect(axis.at).toBeCloseTo(1.9, 1);
  expect(axis.speed).toBeGreaterThan(0.4);
  expect(axis.speed).toBeLessThan(0.55);
  expect(deviationOf(axis)).toBeLessThan(NOISE.measured);
  axis.predict(1, NOISE);
  // What is known of the speed limits where it can be: from the first speed alone it would be a unit off.
  expect(deviationOf(axis)).toBeGreaterThan(NOISE.measured);
  expect(deviationOf(axis)).toBeLessThan(0.4);
});

test('without measurements the place becomes uncertain, and the speed fades', () => {
  const axis = measured([0, 0.2, 0.4, 0.6, 0.8]);
  const deviations = [1, 2, 3, 4].map(() => {
    axis.predict(1, NOISE);
    return deviationOf(axis);
  });
  expect(deviations).toEqual(deviations.toSorted((a, b) => a - b));
  expect(Math.abs(axis.speed)).toBeLessThan(0.35);
});

test('two steps are as one of their length', () => {
  const [a, b] = [measured([0, 0.1, 0.2]), measured([0, 0.1, 0.2])];
  a.predict(1, NOISE);
  b.predict(0.4, NOISE);
  b.predict(0.6, NOISE);
  expect(b.at).toBeCloseTo(a.at, 6);
  expect(b.speed).toBeCloseTo(a.speed, 6);
  expect(deviationOf(b)).toBeCloseTo(deviationOf(a), 1);
});
