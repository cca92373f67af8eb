import { FakeClock } from '@vigia/base';
import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

test('so many pass within a period, which begins with the first one', () => {
  const clock = new FakeClock(0);
  const throttle = new Throttle(3, 100, clock);
  const passed: number[] = [];
  for (const atMs of [0, 0, 50, 99, 99, 100, 150, 199, 199, 450, 549, 549, 549, 550]) {
    clock.advance(atMs - clock.nowMs());
    if (throttle.passes()) passed.push(atMs);
  }
  expect(passed).toEqual([0, 0, 50, 100, 150, 199, 450, 549, 549, 550]);
});
