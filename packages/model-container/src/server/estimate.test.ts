import { expect, test } from 'vitest';
import { Estimate } from './estimate.ts';

test('nothing is known before the first observation, unless something is expected', () => {
  expect(new Estimate().low).toBeUndefined();
  expect(new Estimate().high).toBeUndefined();
  expect(new Estimate(3)).toMatchObject({ low: 3, high: 3 });
});

test('the first observation is taken as it is, a later one weighs a tenth', () => {
  const estimate = new Estimate();
  estimate.observe(20);
  expect(estimate).toMatchObject({ low: 20, high: 20 });
  estimate.observe(30);
  // Mean 20 + 0.1 × 10, deviation 0 + 0.1 × 10.
  expect(estimate).toMatchObject({ low: 20, high: 22 });
});

test('most of what comes is between low and high, and a change is followed', () => {
  const estimate = new Estimate();
  const within = (values: readonly number[]): number => {
    let inside = 0;
    for (const value of values) {
      const { low = Infinity, high = -Infinity } = estimate;
      if (value >= low - 1e-9 && value <= high + 1e-9) inside += 1;
      estimate.observe(value);
    }
    return inside / values.length;
  };
  const around = (middle: number): number[] => Array.from({ length: 200 }, (_, i) => middle + Math.sin(i) ** 3);
  expect(within(around(20))).toBeGreaterThan(0.5);
  within(around(50));
  expect(estimate.low).toBeGreaterThan(48.5);
  expect(estimate.high).toBeLessThan(51.5);
});
