import { expect, test } from 'vitest';
import type { Plan } from '#node/plan';
import { OwnMemory } from './own-memory.ts';

const MIB = 2 ** 20;

test('the supervisor above 1.5 times its plan for three looks is a problem, until it is below', () => {
  let bytes = 200 * MIB;
  const watch = new OwnMemory(() => bytes);
  const problemAt = (mib: number): string | undefined => {
    bytes = mib * MIB;
    watch.look({ cameras: [] } as unknown as Plan);
    return watch.problem?.message;
  };
  // 80 MiB for itself, 16 for alarms that wait: 64 more are allowed.
  expect([problemAt(159), problemAt(161), problemAt(161)]).toEqual([undefined, undefined, undefined]);
  expect(problemAt(161)).toBe('the supervisor uses 161.0 MiB of memory, 160.0 MiB were planned at most');
  expect(problemAt(159)).toBeUndefined();
});
