import { expect, test } from 'vitest';
import { EventWish } from './event-wish.ts';

test('an event wants what is around it, a second one more; then nothing', () => {
  const wish = new EventWish(100);
  expect(wish.wants(0)).toBe(false);
  wish.mark(90, 120, true);
  expect([wish.wants(100), wish.from(100)]).toEqual([true, 90]);
  wish.begun();
  wish.mark(95, 150, false);
  expect([wish.wants(150), wish.from(150), wish.wants(151)]).toEqual([true, 150, false]);
});

test('an event of which nothing was recorded does not make the next one longer', () => {
  const wish = new EventWish(100);
  wish.mark(10, 20, true);
  expect(wish.wants(500)).toBe(false);
  wish.mark(480, 520, true);
  expect(wish.from(500)).toBe(480);
});

test('an event that is over when it is reported is recorded from memory', () => {
  const wish = new EventWish(100);
  wish.mark(10, 20, true);
  expect([wish.wants(90), wish.from(90)]).toEqual([true, 10]);
  wish.begun();
  expect(wish.wants(90)).toBe(false);
});
