import { expect, test } from 'vitest';
import type { Plan } from '#node/plan';
import { OwnMemory } from './own-memory.ts';

const MIB = 2 ** 20;

test('the supervisor half a gibibyte above its plan for three looks is a problem, until it is below', () => {
  let bytes = 200 * MIB;
  const watch = new OwnMemory(() => bytes);
  const problemAt = (mib: number): string | undefined => {
    bytes = mib * MIB;
    watch.look({ cameras: [] } as unknown as Plan);
    return watch.problem?.message;
  };
  // 80 MiB for itself, 16 for alarms that wait: 512 more are allowed.
  expect([problemAt(607), problemAt(609), problemAt(609)]).toEqual([undefined, undefined, undefined]);
  expect(problemAt(609)).toBe('the supervisor uses 609.0 MiB of memory, 608.0 MiB are allowed');
  expect(problemAt(607)).toBeUndefined();
});
