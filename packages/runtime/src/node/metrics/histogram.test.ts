import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BOUNDS_S, Histogram } from './histogram.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test('the bounds ascend', () => {
  expect(BOUNDS_S).toEqual([...new Set(BOUNDS_S)].toSorted((a, b) => a - b));
  expect([BOUNDS_S[0], BOUNDS_S.at(-1)]).toEqual([0.005, 10]);
});

test('a bound belongs to its bucket, and milliseconds meet it exactly', () => {
  for (const [i, bound] of BOUNDS_S.entries()) {
    const { length } = BOUNDS_S;
    const at = histogramOf([Math.round(bound * 1000) / 1000]).cumulative();
    expect(at).toEqual(Array.from({ length: length + 1 }, (_, bucket) => Number(bucket >= i)));
    const above = histogramOf([(Math.round(bound * 1000) + 0.001) / 1000]).cumulative();
    expect(above).toEqual(Array.from({ length: length + 1 }, (_, bucket) => Number(bucket > i)));
  }
});

const bound = fc.constantFrom(...BOUNDS_S);
const seconds = fc.oneof(bound, fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(0, 1e9));

test('counts are cumulative, exact at each bound, and end with the number of values', () => {
  fc.assert(
    fc.property(fc.array(seconds, { maxLength: 200 }), (values) => {
      const histogram = histogramOf(values);
      const expected = BOUNDS_S.map((most) => values.filter((value) => value <= most).length);
      expect(histogram.cumulative()).toEqual([...expected, values.length]);
      expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
    }),
  );
});

test('cleared, it is as new', () => {
  const histogram = histogramOf([0.001, 0.3, 99]);
  histogram.clear();
  expect([histogram.cumulative(), histogram.sum]).toEqual([new Histogram().cumulative(), 0]);
});
