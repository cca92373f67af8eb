import { FakeClock } from '@vigia/base';
import { expect, test } from 'vitest';
import { CpuWait } from './cpu-wait.ts';

test('the share of the time since the mark is of one process, and 0 where it is not known', () => {
  const clock = new FakeClock();
  const waited = new Map([
    [1, 5_000],
    [2, 0],
  ]);
  const wait = new CpuWait(clock, (pid) => waited.get(pid));
  expect(wait.share(1)).toBe(0);
  wait.mark(1);
  expect(wait.share(1)).toBe(0);
  clock.advance(2_000);
  waited.set(1, 6_500);
  expect(wait.share(1)).toBe(0.75);
  expect(wait.share(2)).toBe(0);
  expect(wait.share(undefined)).toBe(0);
  waited.delete(1);
  expect(wait.share(1)).toBe(0);
  wait.mark(1);
  waited.set(1, 9_000);
  expect(wait.share(1)).toBe(0);
});

test('this very process has waited for its CPU, or its kernel does not count that', () => {
  const wait = new CpuWait(new FakeClock());
  expect(() => wait.mark(process.pid)).not.toThrow();
  expect(wait.share(process.pid)).toBe(0);
  expect(() => wait.mark(2 ** 30)).not.toThrow();
});
