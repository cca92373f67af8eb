import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeSpans } from './time-spans.ts';

test('no event is outside of the bounds of its time, whatever the clock did', () => {
  const times = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 50 }), (all, fromMs, forMs) => {
      const spans = new TimeSpans(true);
      for (const [n, atMs] of all.entries()) spans.add(n * 300, atMs);
      const [first, last] = spans.bounds(fromMs, fromMs + forMs);
      for (const [n, atMs] of all.entries()) {
        if (atMs >= fromMs && atMs < fromMs + forMs) expect(n * 300 >= first && n * 300 <= last).toBe(true);
      }
    }),
  );
});

test('bounds are narrow when the clock is right, and everything until all times are known', () => {
  const spans = new TimeSpans(false);
  expect(spans.bounds(1, 2)).toEqual([0, Number.MAX_SAFE_INTEGER]);
  spans.complete([
    [0, 0, 1_000],
    [1, 1_000, 2_000],
  ]);
  spans.add(2_048, 3_000);
  expect(spans.bounds(1_500, 1_600)).toEqual([1_024, 2_047]);
  expect(spans.bounds(2_500, undefined)).toEqual([2_048, 3_071]);
  expect(spans.bounds(undefined, 0)[1]).toBe(-1);
});
