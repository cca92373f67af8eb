import { FakeClock } from '@vigia/base';
import { expect, test } from 'vitest';
import { WorkLoop } from './work-loop.ts';

const HUNG_MS = 5_000;

function rig(takesMs: () => number): { clock: FakeClock; loop: WorkLoop; begun: number[]; hung: number[] } {
  const clock = new FakeClock();
  const zeroMs = clock.nowMs();
  const [begun, hung]: number[][] = [[], []] as [number[], number[]];
  const work = async (): Promise<number> => {
    (begun as number[]).push(clock.nowMs() - zeroMs);
    const ms = takesMs();
    if (ms > 0) await new Promise<void>((resolve) => void clock.after(ms, resolve));
    return 400;
  };
  const onHung = (): void => void (hung as number[]).push(clock.nowMs() - zeroMs);
  return {
    clock,
    loop: new WorkLoop({ clock, work, hungMs: HUNG_MS, onHung }),
    begun: begun as number[],
    hung: hung as number[],
  };
}

/** Time passes, and what waits for promises runs. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    clock.advance(10);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

test('works when the work before it said, and says once that one hangs', async () => {
  let takesMs = 0;
  const { clock, loop, begun, hung } = rig(() => takesMs);
  loop.start(20);
  await pass(clock, 1_000);
  expect(begun).toEqual([20, 420, 820]);
  takesMs = 6_000;
  await pass(clock, 300);
  takesMs = 0;
  await pass(clock, 7_000);
  expect(begun.slice(3)).toEqual([1_220, 7_620, 8_020]);
  expect(hung).toEqual([6_220]);
  await loop.stop();
  expect(clock.pendingTimers).toBe(0);
});

test('an end waits for what was begun, and begins nothing', async () => {
  const { clock, loop, begun } = rig(() => 100);
  loop.start(20);
  await pass(clock, 50);
  let isOver = false;
  void loop.stop().then(() => (isOver = true));
  await pass(clock, 40);
  expect(isOver).toBe(false);
  await pass(clock, 1_000);
  expect([isOver, begun, clock.pendingTimers]).toEqual([true, [20], 0]);
});
