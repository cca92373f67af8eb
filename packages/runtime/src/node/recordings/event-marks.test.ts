import type { NodeItem } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { EventMarks, type Mark } from './event-marks.ts';

const AT = '2026-11-22T03:14:07.123Z';

test('the alarm of a fall is an event for recording; its end is none, nor what was said to be no fall', () => {
  const marks: Mark[] = [];
  const { handle } = new EventMarks(
    () => ({ on: [] }) as unknown as ReturnType<ConstructorParameters<typeof EventMarks>[0]>,
    (mark) => marks.push(mark),
  );
  const event = { kind: 'fall', camera: 'hall', subject: 'hall/person-1', at: AT, data: {} };
  const found = (outcome: string): object => ({ data: { acknowledged: { by: 'anna', outcome } } });
  handle({ type: 'event', event: { ...event, phase: 'start', severity: 'alarm' } } as NodeItem);
  handle({ type: 'event', event: { ...event, phase: 'end', severity: 'notice' } } as NodeItem);
  const mark = { camera: 'hall', fromMs: Date.parse(AT), toMs: Date.parse(AT), alarm: 'hall/person-1' };
  expect(marks).toEqual([mark]);
  const update = { ...event, phase: 'update', severity: 'alarm' };
  handle({ type: 'event', event: { ...update, ...found('not_a_fall') } } as NodeItem);
  expect(marks).toEqual([mark]);
  handle({ type: 'event', event: { ...update, ...found('no_pain') } } as NodeItem);
  expect(marks).toEqual([mark, mark]);
});
