import { expect, test } from 'vitest';
import type { Plan } from '#node/plan';
import { OwnMemory } from './own-memory.ts';

const MIB = 2 ** 20;

test('the supervisor a quarter of a gibibyte above its plan for three looks is a problem, until it is below', () => {
  let bytes = 200 * MIB;
  const watch = new OwnMemory(() => bytes);
  const problemAt = (mib: number): string | undefined => {
    bytes = mib * MIB;
    watch.look({ cameras: [], recording: { ingests: [] } } as unknown as Plan);
    return watch.problem?.message;
  };
  // 176 MiB for itself, 16 for alarms that wait: 256 more are allowed.
  expect([problemAt(447), problemAt(449), problemAt(449)]).toEqual([undefined, undefined, undefined]);
  expect(problemAt(449)).toBe('the supervisor uses 449.0 MiB of memory, 448.0 MiB are allowed');
  expect(problemAt(447)).toBeUndefined();
});
