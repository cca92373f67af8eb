import { addSecret, FakeClock } from '@vigia/base';
import {
  CAMERA_STATES,
  EVENT_TYPES,
  type EventMessage,
  eventMessageOf,
  type NodeEvent,
  type NodeItem,
  nodeEventSchema,
  WORKER_STATES,
} from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { Announcer } from './announcer.ts';
import { eventIds } from '#core/event-hub';

const clock = new FakeClock();
const newId = eventIds(clock);
const AT = '2026-11-22T03:14:07.123Z';
const OF = { camera: 'hall', consumer: 'falls', at: AT } as const;
const FALL_DATA = {
  state: 'down',
  reason: 'fall',
  message: 'm',
  captured_at: AT,
  age_ms: 200,
  down_ms: 3_000,
  evidence: { drop: 0.7, shape: 2.1, body_height: 0.4, sightings: 9, looks: 2 },
  bbox: null,
} as const;
const BED_DATA = {
  state: 'out',
  reason: null,
  message: 'm',
  captured_at: AT,
  age_ms: 200,
  since_ms: 300,
  away_ms: 300,
  bbox: null,
} as const;
let events: NodeEvent[] = [];
let announcer: Announcer;

beforeEach(() => {
  events = [];
  const publish = (item: NodeItem): void => {
    if (item.type === 'event') events.push(nodeEventSchema.parse(item.event));
  };
  announcer = new Announcer({ node: 'ward-3', boot: newId(), clock, newId, publish });
});

function say(
  type: EventMessage['type'],
  alarm: boolean,
  of: Pick<EventMessage, 'camera' | 'consumer'> = OF,
): NodeEvent {
  announcer.consumerEvent({ ...OF, ...of, type, sla: 'critical', alarm, reason: null, message: 'm' });
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
  announcer.rule('hall', { kind: 'fall', person: 1, phase: 'start', from: 'people', data: FALL_DATA });
  const bed = { kind: 'bed', zone: 'bed', from: 'people' } as const;
  announcer.rule('hall', { ...bed, phase: null, data: BED_DATA });
  announcer.rule('hall', { ...bed, phase: null, data: { ...BED_DATA, state: 'blind' } });
  announcer.rule('hall', { ...bed, phase: 'update', data: { ...BED_DATA, reason: 'out' } });
  announcer.rule('hall', { ...bed, phase: 'end', data: { ...BED_DATA, state: 'in', reason: 'out' } });
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
    ['fall', 'start', 'alarm', 'hall/person-1'],
    ['bed', null, 'notice', 'hall/bed'],
    ['bed', null, 'warning', 'hall/bed'],
    ['bed', 'update', 'alarm', 'hall/bed'],
    ['bed', 'end', 'notice', 'hall/bed'],
    ['config', null, 'notice', null],
    ['sla', 'start', 'warning', 'hall/falls'],
  ]);
  const ids = events.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted());
});

test('the end of an alarm is as urgent as its start, once; the end of what was none is not', () => {
  say('worker_failed', true);
  expect(say('sla_recovered', false)).toMatchObject({ phase: 'end', severity: 'notice' });
  expect(say('worker_recovered', false)).toMatchObject({ phase: 'end', severity: 'alarm' });
  expect(say('worker_recovered', false)).toMatchObject({ phase: 'end', severity: 'notice' });
});

test('the end of an alarm of another consumer is no alarm', () => {
  say('worker_failed', true);
  expect(say('worker_recovered', false, { camera: 'hall', consumer: 'people' })).toMatchObject({ severity: 'notice' });
  expect(say('worker_recovered', false)).toMatchObject({ severity: 'alarm' });
});

test.each([
  ['whose process ended', () => announcer.forgetAlarms('hall')],
  ['that left the configuration', () => announcer.cameraGone('hall')],
])('a camera %s leaves no alarm to end; those of other cameras stay', (_what, gone) => {
  const other = { camera: 'hall-2', consumer: 'falls' };
  say('worker_failed', true);
  say('worker_failed', true, other);
  gone();
  expect(say('worker_recovered', false)).toMatchObject({ severity: 'notice' });
  expect(say('worker_recovered', false, other)).toMatchObject({ severity: 'alarm' });
});

test('a worker that fails while its consumer is blind is no further alarm: one failure is one alarm', () => {
  announcer.blind('hall', 'falls', 'start', { sla: 'critical', message: 'm' });
  expect(say('worker_failed', true)).toMatchObject({ severity: 'warning', data: { alarm: true } });
  expect(say('worker_recovered', false)).toMatchObject({ severity: 'notice' });
  announcer.blind('hall', 'falls', 'end', { sla: 'critical', message: 'm' });
  expect(say('worker_failed', true)).toMatchObject({ severity: 'alarm' });
});

test('a model that works again says so, with how long it did not; one that only starts does not', () => {
  const states = [
    ['starting', null, 0],
    ['ready', null, 700],
    ['failing', 'was ended by SIGKILL', 100],
    ['failing', 'exited with code 1', 400],
    ['starting', 'exited with code 1', 360],
    ['ready', null, 50],
    ['ready', null, 0],
  ] as const;
  for (const [state, reason, thenMs] of states) {
    announcer.modelState('m', state, reason);
    clock.advance(thenMs);
  }
  expect(events.map(({ severity, data }) => [severity, 'reason' in data ? data.reason : ''])).toEqual([
    ['info', null],
    ['info', null],
    ['warning', 'was ended by SIGKILL'],
    ['warning', 'exited with code 1'],
    ['info', 'exited with code 1'],
    ['notice', 'works again after 0.9 s; it was ended by SIGKILL'],
    ['info', null],
  ]);
});

test('what a camera, a worker or a consumer reports has its severity and phase', () => {
  for (const state of CAMERA_STATES)
    announcer.cameraState({ camera: 'hall', state, reason: null, message: null, retry_in_ms: null, at: AT });
  const worker = { ...OF, worker: 'w', sla: 'critical', reason: null, message: null } as const;
  for (const state of WORKER_STATES) announcer.workerState({ ...worker, state, alarm: false });
  announcer.workerState({ ...worker, state: 'failed', alarm: true });
  for (const type of EVENT_TYPES) say(type, false);
  const saidAs = events.map(({ kind, phase, severity, data }) => [
    `${kind} ${'type' in data ? data.type : 'state' in data ? data.state : ''}`,
    `${severity}${phase === null ? '' : ` ${phase}`}`,
  ]);
  expect(saidAs).toEqual([
    ['camera_state connecting', 'info'],
    ['camera_state live', 'info'],
    ['camera_state stalled', 'warning'],
    ['camera_state waiting', 'warning'],
    ['camera_state stopped', 'info'],
    ['worker_state starting', 'info'],
    ['worker_state ready', 'info'],
    ['worker_state running', 'info'],
    ['worker_state idle', 'info'],
    ['worker_state breaching', 'info'],
    ['worker_state restarting', 'warning'],
    ['worker_state failed', 'warning'],
    ['worker_state stopped', 'info'],
    ['worker_state failed', 'warning'],
    ['worker worker_restarting', 'warning'],
    ['worker worker_failed', 'warning start'],
    ['worker worker_recovered', 'notice end'],
    ['sla sla_breached', 'warning start'],
    ['sla sla_recovered', 'notice end'],
    ['shedding slowed', 'notice start'],
    ['shedding restored', 'notice end'],
  ]);
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

test('a list of changes is announced as it is, up to 50', () => {
  const revision = {
    revision: 2,
    by: 'file v.yml',
    changes: Array.from({ length: 50 }, (_, n) => `cameras.c${n}: added`),
  };
  announcer.config(revision);
  announcer.config({ ...revision, changes: [...revision.changes, 'node: "a" → "b"'] });
  const [whole, cut] = events;
  expect(whole?.data).toEqual(revision);
  expect(cut?.data).toEqual({ ...revision, changes: [...revision.changes, 'and 1 more'] });
});

test('a long list of changes is cut, and says so', () => {
  announcer.config({ revision: 2, by: 'b', changes: Array.from({ length: 60 }, (_, n) => `cameras.c${n}: added`) });
  const [event] = events;
  expect(event?.kind === 'config' && event.data.changes.slice(-2)).toEqual(['cameras.c49: added', 'and 10 more']);
});

test('sentences of an event are printable, short and without secrets; ids and words are not touched', () => {
  addSecret('waiting');
  const message = 'answered "\u001b[2Jno"\n12:00 all is well, waiting';
  announcer.cameraState({ camera: 'hall', state: 'waiting', reason: 'refused', message, retry_in_ms: 5, at: AT });
  announcer.modelState('m', 'failing', 'a\u202eb');
  const text = { type: 'worker_failed', sla: 'high', alarm: false, reason: null } as const;
  announcer.consumerEvent({ ...OF, ...text, message: 'x'.repeat(60_109), stderr: ['a\u0007b'] });
  announcer.config({ revision: 2, by: 'b', changes: ['cameras.c: "\u009b"'] });
  expect(events.map(({ data }) => data)).toMatchObject([
    { state: 'waiting', message: 'answered "\ufffd[2Jno" 12:00 all is well, ***' },
    { reason: 'a\ufffdb' },
    { message: `${'x'.repeat(1_999)}…`, stderr: ['a\ufffdb'] },
    { changes: ['cameras.c: "\ufffd"'] },
  ]);
});
