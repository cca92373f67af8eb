import { expect, test } from 'vitest';
import { KeepAlivePace } from './keep-alive-pace.ts';

test('a session that ends after its longest pause shortens the next ones, down to 2 s', () => {
  const pace = new KeepAlivePace();
  expect(pace.of('a')).toBeUndefined();
  pace.ended('a', 10_000, 0);
  expect(pace.of('a')).toBe(5_000);
  pace.ended('a', 5_000, 0);
  pace.ended('a', 3_000, 0);
  pace.ended('a', 60_000, 0);
  expect([pace.of('a'), pace.of('b')]).toEqual([2_000, undefined]);
});

test('a session that had survived such a pause, or ended at once, teaches nothing', () => {
  const pace = new KeepAlivePace();
  pace.ended('a', 10_000, 30_000);
  pace.ended('a', 10_000, 10_000);
  pace.ended('a', 1_999, 0);
  expect(pace.of('a')).toBeUndefined();
});

test('a process that has seen many cameras stays bounded', () => {
  const pace = new KeepAlivePace();
  for (let n = 0; n <= 64; n += 1) pace.ended(String(n), 10_000, 0);
  expect([pace.of('0'), pace.of('64')]).toEqual([undefined, 5_000]);
});
