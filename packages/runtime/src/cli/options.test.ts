import { expect, test } from 'vitest';
import { moment } from './options.ts';

/** Local time, on the day of the test. */
const NOW = new Date(2026, 10, 26, 1, 30, 0).getTime();
const at = (...parts: [number, number, number, number?, number?, number?]): number => new Date(...parts).getTime();

test.each([
  ['now', NOW],
  ['10m', NOW - 600_000],
  ['1.5h', NOW - 5_400_000],
  ['2d ago', NOW - 172_800_000],
  ['today', at(2026, 10, 26)],
  ['today 3:14', at(2026, 10, 26, 3, 14)],
  ['yesterday', at(2026, 10, 25)],
  ['Yesterday 22:00:30', at(2026, 10, 25, 22, 0, 30)],
  ['1:15', at(2026, 10, 26, 1, 15)],
  // It has not come today.
  ['3:14', at(2026, 10, 25, 3, 14)],
  ['2026-11-22', at(2026, 10, 22)],
  ['2026-11-22 03:14', at(2026, 10, 22, 3, 14)],
  ['2026-11-22T03:14:07', at(2026, 10, 22, 3, 14, 7)],
  ['2026-11-22T03:14:00Z', Date.UTC(2026, 10, 22, 3, 14)],
  ['2026-11-22T03:14:00.250+01:00', Date.UTC(2026, 10, 22, 2, 14, 0, 250)],
])('a moment: %s', (text, ms) => {
  expect(moment({ from: text }, 'from', NOW)).toBe(ms);
});

test.each([
  '',
  'soon',
  'tomorrow',
  '10',
  '10x',
  '25:00',
  '3:60',
  '2026-02-30',
  '2026-11-22 24:00',
  '2026-13-01',
  '\u001b[31m',
])('no moment: %j', (text) => {
  expect(() => moment({ from: text }, 'from', NOW)).toThrow(/^--from: found ".*"; a time is 10m \(ago\), 3:14, /);
});

test('a moment that nobody gave', () => {
  expect(moment({}, 'from', NOW)).toBeUndefined();
});
