import { expect, test } from 'vitest';
import { lastedMs, minutesInto } from './hours.ts';

test.each([
  ['in the evening', 21 * 60, 0],
  ['over midnight', 60, 240],
  ['to the last minute', 7 * 60 - 1, 599],
  ['over', 7 * 60, undefined],
  ['not begun', 20 * 60 + 59, undefined],
])('21:00 to 07:00, %s', (_, minute, into) => {
  expect(minutesInto({ from: 21 * 60, to: 7 * 60 }, minute)).toBe(into);
});

test('within a day', () => {
  expect(minutesInto({ from: 60, to: 120 }, 90)).toBe(30);
  expect(minutesInto({ from: 60, to: 120 }, 0)).toBeUndefined();
});

test('by the clock of this machine', () => {
  const at = (hour: number): number => new Date(2026, 10, 23, hour, 30, 20).getTime();
  const night = { from: 21 * 60, to: 7 * 60 };
  expect(lastedMs(night, at(1))).toBe((4 * 60 + 30) * 60_000 + 20_000);
  expect(lastedMs(night, at(12))).toBeUndefined();
});
