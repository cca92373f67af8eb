import { expect, test } from 'vitest';
import { TimeShare } from './time-share.ts';

test('work that has used its share of a second waits for the next one', () => {
  const share = new TimeShare(100);
  expect(share.spent(0, 60)).toBeUndefined();
  expect(share.spent(500, 550)).toBe(450);
  expect(share.spent(1_000, 1_099)).toBeUndefined();
  expect(share.spent(1_999, 2_000)).toBe(0);
});

test('a piece that takes longer than a second has no more to wait for', () => {
  expect(new TimeShare(100).spent(5_000, 7_000)).toBe(0);
});
