import { expect, test } from 'vitest';
import type { RecordedItem } from './event-ring.ts';
import { UnitIntake } from './unit-intake.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;

function unit(index: number, more: Partial<Video> = {}): Video {
  const times = { ptsMs: index, arrivedMs: index, latenessMs: 0, hiddenMs: 0 };
  return { kind: 'video', index, data: Buffer.alloc(1), keyframe: false, damaged: false, ...times, ...more };
}

test('a unit in doubt waits for the next one, which proves it or repeats it', () => {
  const intake = new UnitIntake();
  const indexes = (units: readonly Video[]): number[] => units.map(({ index }) => index);
  expect(indexes(intake.take(unit(1, { doubt: 'unproved' })))).toEqual([]);
  expect(indexes(intake.take(unit(2)))).toEqual([1, 2]);
  expect(indexes(intake.take(unit(3, { doubt: 'unproved' })))).toEqual([]);
  expect(indexes(intake.take(unit(4, { doubt: 'repeated' })))).toEqual([4]);
  expect(indexes(intake.take(unit(5, { doubt: 'unproved' })))).toEqual([]);
  expect(indexes(intake.rest())).toEqual([5]);
  expect(intake.rest()).toEqual([]);
  expect(intake.holed).toBe(false);
});

test('a step in the count is a loss; another connection is none', () => {
  const intake = new UnitIntake();
  intake.take(unit(7, { keyframe: true }));
  expect([intake.holed, intake.lastKeyframeMs]).toEqual([false, 7]);
  intake.take(unit(9));
  expect(intake.holed).toBe(true);
  intake.holed = false;
  intake.restart();
  intake.take(unit(30));
  expect(intake.holed).toBe(false);
});
