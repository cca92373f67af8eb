import type { NodeItem } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { EventMarks, type Mark } from './event-marks.ts';

const AT = '2026-11-22T03:14:07.123Z';

test('the alarm of a fall is an event for recording; its end is none', () => {
  const marks: Mark[] = [];
  const { handle } = new EventMarks(
    () => ({ on: [] }) as unknown as ReturnType<ConstructorParameters<typeof EventMarks>[0]>,
    (mark) => marks.push(mark),
  );
  const event = { kind: 'fall', camera: 'hall', at: AT };
  handle({ type: 'event', event: { ...event, phase: 'start', severity: 'alarm' } } as NodeItem);
  handle({ type: 'event', event: { ...event, phase: 'end', severity: 'notice' } } as NodeItem);
  expect(marks).toEqual([{ camera: 'hall', fromMs: Date.parse(AT), toMs: Date.parse(AT) }]);
});
