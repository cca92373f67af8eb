import { FakeClock } from '@vigia/base';
import { eventMessageOf, type NodeEvent, type NodeItem, nodeEventSchema } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { Announcer } from './announcer.ts';
import { eventIds } from './event-ids.ts';

const clock = new FakeClock();
const newId = eventIds(clock);
const AT = '2026-11-22T03:14:07.123Z';
const OF = { camera: 'hall', consumer: 'falls', at: AT } as const;
let events: NodeEvent[] = [];
let announcer: Announcer;

beforeEach(() => {
  events = [];
  const publish = (item: NodeItem): void => {
    if (item.type === 'event') events.push(nodeEventSchema.parse(item.event));
  };
  announcer = new Announcer({ node: 'ward-3', boot: newId(), clock, newId, publish });
});

function say(type: 'worker_failed' | 'worker_recovered' | 'sla_breached' | 'sla_recovered', alarm: boolean): NodeEvent {
  announcer.consumerEvent({ ...OF, type, sla: 'critical', alarm, reason: null, message: 'm' });
  return events.at(-1) as NodeEvent;
}

test('every kind of event is valid, and its ids are in order', () => {
  const worker = { ...OF, worker: 'w', sla: 'high', reason: null, message: null, alarm: false } as const;
  announcer.node('started', '0.1.0');
  announcer.cameraState({ camera: 'hall', state: 'waiting', reason: 'refused', message: 'm', retry_in_ms: 5, at: AT });
  announcer.cameraGone('hall');
  announcer.modelState('m', 'failing', 'it crashed');
  announcer.modelGone('m');
  announcer.workerState({ ...worker, state: 'failed' });
  announcer.workerGone({ ...worker, state: 'failed' });
  announcer.blind('hall', 'falls', 'start', { sla: 'critical', message: 'm' });
  announcer.config({ revision: 2, by: 'file v.yml', changes: ['cameras.hall: added'] });
  say('sla_breached', false);
  expect(events.map(({ kind, phase, severity, subject }) => [kind, phase, severity, subject])).toEqual([
    ['node', null, 'notice', null],
    ['camera_state', null, 'warning', 'hall'],
    ['camera_state', 'end', 'info', 'hall'],
    ['model_state', null, 'warning', 'model-m'],
    ['model_state', 'end', 'info', 'model-m'],
    ['worker_state', null, 'warning', 'hall/falls'],
    ['worker_state', 'end', 'info', 'hall/falls'],
    ['consumer_blind', 'start', 'alarm', 'hall/falls'],
    ['config', null, 'notice', null],
    ['sla', 'start', 'warning', 'hall/falls'],
  ]);
  const ids = events.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted());
});

test('the end of an alarm is as urgent as its start, once; the end of what was none is not', () => {
  say('sla_breached', true);
  expect(say('worker_recovered', false)).toMatchObject({ phase: 'end', severity: 'notice' });
  expect(say('sla_recovered', false)).toMatchObject({ phase: 'end', severity: 'alarm' });
  expect(say('sla_recovered', false)).toMatchObject({ phase: 'end', severity: 'notice' });
  say('worker_failed', true);
  expect(say('worker_recovered', false)).toMatchObject({ severity: 'alarm' });
});

test('listeners of version 1 get what they always got', () => {
  const event = say('worker_failed', true);
  expect(eventMessageOf(event as Extract<NodeEvent, { kind: 'worker' }>)).toEqual({
    type: 'worker_failed',
    camera: 'hall',
    consumer: 'falls',
    sla: 'critical',
    alarm: true,
    reason: null,
    message: 'm',
    at: AT,
  });
});

test('a long list of changes is cut, and says so', () => {
  announcer.config({ revision: 2, by: 'b', changes: Array.from({ length: 60 }, (_, n) => `cameras.c${n}: added`) });
  const [event] = events;
  expect(event?.kind === 'config' && event.data.changes.slice(-2)).toEqual(['cameras.c49: added', 'and 10 more']);
});
