import { createLog, FakeClock } from '@vigia/base';
import { type NodeEvent, type NodeEventOf, nodeEventSchema } from '@vigia/contracts';
import { beforeEach, describe, expect, test } from 'vitest';
import type { BedNotice, FallNotice, VisitNotice } from '#core/camera-link';
import { NodeEvents } from '#node/events';
import { Alarms } from './alarms.ts';
import { BED, FALL, VISIT } from '../../../test/support/notices.ts';

let clock: FakeClock;
let alarms: Alarms;
let events: NodeEventOf<'fall'>[];

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  alarms = alarmsHeard((event) => event.kind === 'fall' && events.push(event));
});

/** Alarms whose events are heard. */
function alarmsHeard(hear: (event: NodeEvent) => unknown): Alarms {
  const log = createLog('test', () => undefined);
  const { hub, announcer } = new NodeEvents({ node: 'n', clock, log, store: undefined, sendAhead: () => undefined });
  hub.subscribe({ name: 'test' }, (item) => {
    if (item.type === 'event') hear(nodeEventSchema.parse(item.event));
  });
  return new Alarms({ clock, announce: (camera, notice) => announcer.rule(camera, notice) });
}

function tell(phase: FallNotice['phase'], state: FallNotice['data']['state'], person = 3, camera = 'hall'): void {
  alarms.told(camera, { ...FALL, person, phase, data: { ...FALL.data, state } });
}

const told = (): unknown[] =>
  events.map(({ subject, phase, severity, data }) => `${subject} ${phase} ${severity} ${data.state}`);

test('a fall, that it lasts, and its end are events of one subject', () => {
  tell('start', 'down');
  tell('update', 'down');
  tell('end', 'recovered');
  expect(told()).toEqual([
    'hall/person-3 start alarm down',
    'hall/person-3 update alarm down',
    'hall/person-3 end notice recovered',
  ]);
  expect(events[0]).toMatchObject({ camera: 'hall', consumer: 'people', data: FALL.data });
});

test('when a process ends while people lie, each of them is reported once, with what was known and is older now', () => {
  tell('start', 'down', 3);
  tell('start', 'down', 4);
  tell('start', 'down', 5, 'hall-2');
  clock.advance(2_500);
  tell('update', 'down', 3);
  clock.advance(500);
  events = [];
  alarms.cameraGone('hall');
  alarms.cameraGone('hall');
  expect(told()).toEqual(['hall/person-4 update alarm blind', 'hall/person-3 update alarm blind']);
  expect(events[0]?.data).toEqual({
    ...FALL.data,
    state: 'blind',
    message: expect.stringMatching(/^the process of camera hall ended while person-4 was down: nobody knows/),
    age_ms: 3_200,
    down_ms: 6_000,
  });
  expect(events[1]?.data).toMatchObject({ age_ms: 700, down_ms: 3_500 });
});

test('who nobody watches any more is named again every 10 s, and given up after 10 minutes', () => {
  tell('start', 'down');
  clock.advance(4_000);
  alarms.cameraGone('hall');
  events = [];
  for (let s = 0; s < 30; s += 1) {
    clock.advance(1_000);
    alarms.look();
  }
  expect(told()).toEqual(Array.from({ length: 3 }, () => 'hall/person-3 update alarm blind'));
  expect(events.map(({ data }) => data.down_ms)).toEqual([17_000, 27_000, 37_000]);
  clock.advance(600_000);
  alarms.look();
  alarms.look();
  expect(told().slice(3)).toEqual(['hall/person-3 end notice gone']);
  expect(events.at(-1)?.data.message).toMatch(/10 minutes ago, and was not seen to get up; nobody acknowledged it$/);
  expect(alarms.open).toEqual([]);
});

test('results that stop are repeated by the node, until the camera reports again', () => {
  tell('start', 'down');
  tell('update', 'blind');
  clock.advance(10_000);
  alarms.look();
  expect(told().at(-1)).toBe('hall/person-3 update alarm blind');
  expect(events.at(-1)?.data).toMatchObject({ age_ms: 10_200, down_ms: 13_000 });
  tell('update', 'down');
  events = [];
  clock.advance(60_000);
  alarms.look();
  expect(events).toEqual([]);
});

describe('an alarm that is acknowledged', () => {
  beforeEach(() => {
    tell('start', 'down');
    expect(alarms.acknowledge('hall/person-3', 'anna')).toBe(true);
    events = [];
  });

  test('is not repeated, and its changes and its end say by whom', () => {
    tell('update', 'down');
    tell('update', 'down');
    expect(events).toEqual([]);
    tell('update', 'blind');
    tell('update', 'blind');
    tell('update', 'down');
    tell('end', 'recovered');
    expect(told()).toEqual([
      'hall/person-3 update alarm blind',
      'hall/person-3 update alarm down',
      'hall/person-3 end notice recovered',
    ]);
    for (const { data } of events) expect(data.acknowledged).toMatchObject({ by: 'anna' });
    expect(events[0]?.data.acknowledged?.at).toBe(new Date(clock.wallMs()).toISOString());
  });

  test('is not repeated without a process either, which is said once', () => {
    alarms.cameraGone('hall');
    for (let s = 0; s < 60; s += 1) {
      clock.advance(1_000);
      alarms.look();
    }
    expect(told()).toEqual(['hall/person-3 update alarm blind']);
  });

  test('hides neither another fall nor one of the next process', () => {
    tell('start', 'down', 4);
    alarms.cameraGone('hall');
    tell('start', 'down', 3);
    tell('update', 'down', 3);
    expect(told()).toEqual([
      'hall/person-4 start alarm down',
      'hall/person-3 update alarm blind',
      'hall/person-4 update alarm blind',
      'hall/person-7 start alarm down',
      'hall/person-7 update alarm down',
    ]);
    expect(events.at(-1)?.data.acknowledged).toBeUndefined();
  });

  test('is acknowledged once: the first one counts; one that is over cannot be', () => {
    clock.advance(5_000);
    alarms.acknowledge('hall/person-3', 'bert');
    expect(alarms.open).toMatchObject([{ subject: 'hall/person-3', acknowledged: { by: 'anna' }, since_ms: 5_000 }]);
    tell('end', 'recovered');
    expect(alarms.acknowledge('hall/person-3', 'anna')).toBe(false);
    expect(alarms.acknowledge('hall/person-9', 'anna')).toBe(false);
  });

  test('what was found is what was said last, by anybody; its end has it', () => {
    alarms.acknowledge('hall/person-3', 'bert', { found: { outcome: 'helped_up', note: 'sits in the chair' } });
    alarms.acknowledge('hall/person-3', 'anna', { found: { outcome: 'no_pain' } });
    const found = { by: 'anna', outcome: 'no_pain', note: 'sits in the chair' };
    expect(alarms.open).toMatchObject([{ acknowledged: found }]);
    tell('end', 'recovered');
    expect(events.at(-1)?.data.acknowledged).toMatchObject(found);
  });
});

test('open alarms: the oldest first, each with the id of its first event', () => {
  tell('start', 'down', 3);
  clock.advance(1_000);
  tell('start', 'down', 4);
  tell('update', 'down', 3);
  const ids = events.map(({ id }) => id);
  expect(alarms.open).toMatchObject([
    { subject: 'hall/person-3', event: ids[0], state: 'down', since_ms: 1_000, acknowledged: null },
    { subject: 'hall/person-4', event: ids[1], since_ms: 0 },
  ]);
});

test('a fall that ended leaves nothing to report', () => {
  tell('start', 'down');
  tell('end', 'gone');
  alarms.cameraGone('hall');
  expect(events).toHaveLength(2);
});

test('a process that names ever more people costs no memory', () => {
  for (let person = 1; person <= 300; person += 1) tell('start', 'down', person);
  events = [];
  alarms.cameraGone('hall');
  expect(events).toHaveLength(256);
  expect(events.at(-1)?.subject).toBe('hall/person-300');
});

describe('an alarm that an earlier run of the node left open', () => {
  const FIRST = '01000000000000000000000005';
  const left = (more: Partial<FallNotice['data']> = {}): void =>
    alarms.left({
      camera: 'hall',
      notice: { ...FALL, phase: 'update', data: { ...FALL.data, ...more } },
      first: FIRST,
      startedMs: clock.wallMs() - 90_000,
      atMs: clock.wallMs() - 20_000,
    });

  test('is blind, older, and repeated until somebody knows', () => {
    left();
    expect(told()).toEqual(['hall/person-3 update alarm blind']);
    expect(events[0]?.data).toMatchObject({ age_ms: 20_200, down_ms: 23_000 });
    expect(events[0]?.data.message).toBe(
      'the node ended while person-3 was down in hall: nobody knows how they are, somebody must look',
    );
    expect(alarms.open).toMatchObject([
      { subject: 'hall/person-3', state: 'blind', event: events[0]?.id, since_ms: 90_000 },
    ]);
    clock.advance(10_000);
    alarms.look();
    expect(told()).toHaveLength(2);
    alarms.acknowledge('hall/person-3', 'anna');
    clock.advance(10_000);
    alarms.look();
    expect(told()).toHaveLength(2);
  });

  test('is acknowledged by its events of that run too, and by none of before', () => {
    left();
    expect(alarms.acknowledge('hall/person-3', 'anna', { id: '01000000000000000000000004' })).toBe(false);
    expect(alarms.acknowledge('hall/person-3', 'anna', { id: FIRST })).toBe(true);
  });

  test('of which somebody knows is reported once', () => {
    left({ acknowledged: { at: '2026-11-22T03:14:07.123Z', by: 'anna' } });
    clock.advance(10_000);
    alarms.look();
    expect(told()).toEqual(['hall/person-3 update alarm blind']);
    expect(events[0]?.data.acknowledged?.by).toBe('anna');
  });

  test('is somebody else than those of this run', () => {
    left();
    tell('start', 'down', 1);
    tell('end', 'recovered', 1);
    expect(told().slice(1)).toEqual(['hall/person-4 start alarm down', 'hall/person-4 end notice recovered']);
    expect(alarms.open).toHaveLength(1);
  });
});

describe('a bed', () => {
  let said: NodeEventOf<'bed'>[];

  beforeEach(() => {
    said = [];
    alarms = alarmsHeard((event) => event.kind === 'bed' && said.push(event));
  });

  const say = (phase: BedNotice['phase'], data: Partial<BedNotice['data']>): void =>
    alarms.told('hall', { ...BED, phase, data: { ...BED.data, ...data } });
  const heard = (): string[] =>
    said.map(({ phase, severity, data }) => `${phase} ${severity} ${data.state} ${data.reason}`);

  test('has states, and alarms until they end or somebody knows', () => {
    say(null, { state: 'in' });
    expect(alarms.open).toEqual([]);
    say('start', { state: 'edge', reason: 'edge', message: 'on the edge' });
    expect(alarms.open).toMatchObject([{ subject: 'hall/bed', kind: 'bed', state: 'edge', message: 'on the edge' }]);
    expect(alarms.acknowledge('hall/bed', 'anna')).toBe(true);
    say('update', { state: 'edge', reason: 'edge' });
    // Worse is news, also for who knows.
    say('update', { state: 'out', reason: 'out', away_ms: 0 });
    say('update', { state: 'out', reason: 'out', away_ms: 10_000 });
    say('update', { state: 'out', reason: 'away', away_ms: 900_000 });
    say('end', { state: 'in', reason: 'away' });
    expect(heard()).toEqual([
      'null notice in null',
      'start alarm edge edge',
      'update alarm out out',
      'update alarm out away',
      'end notice in away',
    ]);
    expect(said[2]?.data.acknowledged?.by).toBe('anna');
    expect(alarms.open).toEqual([]);
  });

  test('whose camera’s process ended: nobody knows, once; the alarm goes on', () => {
    say(null, { state: 'in' });
    clock.advance(1_000);
    alarms.cameraGone('hall');
    alarms.cameraGone('hall');
    expect(heard().slice(1)).toEqual(['null warning blind null']);
    expect(said[1]?.data).toMatchObject({ age_ms: 1_200, since_ms: null });
    expect(said[1]?.data.message).toContain('nobody knows whether somebody is in bed');
    said = [];
    say('start', { state: 'out', reason: 'out', away_ms: 0 });
    clock.advance(2_000);
    alarms.cameraGone('hall');
    clock.advance(10_000);
    alarms.look();
    expect(heard()).toEqual(['start alarm out out', 'update alarm blind out', 'update alarm blind out']);
    expect(said[2]?.data).toMatchObject({ away_ms: 12_000 });
    clock.advance(600_000);
    alarms.look();
    expect(said.at(-1)).toMatchObject({ phase: 'end', data: { state: 'blind' } });
    expect(said.at(-1)?.data.message).toMatch(
      /^somebody was out of bed when .* 10 minutes ago, and was not seen to get in again/,
    );
  });

  test('has a new alarm: who acknowledged the one before does not know of it', () => {
    say('start', { state: 'out', reason: 'out' });
    const [first] = said;
    say('end', { state: 'in', reason: 'out' });
    say('start', { state: 'out', reason: 'out' });
    expect(alarms.acknowledge('hall/bed', 'anna', { id: first?.id })).toBe(false);
    expect(alarms.acknowledge('hall/bed', 'anna', { id: said.at(-1)?.id })).toBe(true);
    alarms.cameraGone('hall');
    said = [];
    say('start', { state: 'out', reason: 'out' });
    say('update', { state: 'out', reason: 'out' });
    expect(heard()).toEqual(['start alarm out out', 'update alarm out out']);
    expect(said[0]?.data.acknowledged).toBeUndefined();
  });

  test('whose camera’s process was gone is seen occupied again: its alarm ends', () => {
    say('start', { state: 'out', reason: 'away' });
    alarms.cameraGone('hall');
    said = [];
    say(null, { state: 'unknown' });
    say(null, { state: 'in' });
    say(null, { state: 'sitting' });
    expect(heard()).toEqual(['null notice unknown null', 'end notice in away', 'null notice sitting null']);
    expect(alarms.open).toEqual([]);
  });

  test('that was blind already is not said to be so again', () => {
    say(null, { state: 'blind' });
    alarms.cameraGone('hall');
    expect(heard()).toEqual(['null warning blind null']);
  });
});

describe('a zone', () => {
  let said: NodeEventOf<'visit'>[];

  beforeEach(() => {
    said = [];
    alarms = alarmsHeard((event) => event.kind === 'visit' && said.push(event));
  });

  const say = (phase: VisitNotice['phase'], data: Partial<VisitNotice['data']>): void =>
    alarms.told('hall', { ...VISIT, phase, data: { ...VISIT.data, ...data } });
  const heard = (): string[] =>
    said.map(({ phase, severity, data }) => `${phase} ${severity} ${data.state} ${data.reason}`);

  test('has visits, and alarms that somebody acknowledges', () => {
    say(null, { state: 'occupied', reason: null });
    expect(alarms.open).toEqual([]);
    say('start', {});
    expect(alarms.open).toMatchObject([{ subject: 'hall/kitchen/visits', kind: 'visit', state: 'occupied' }]);
    expect(alarms.acknowledge('hall/kitchen/visits', 'anna')).toBe(true);
    say('update', {});
    say('update', { state: 'blind' });
    say('end', { state: 'empty' });
    expect(heard()).toEqual([
      'null notice occupied null',
      'start alarm occupied occupied',
      'update alarm blind occupied',
      'end notice empty occupied',
    ]);
    expect(alarms.open).toEqual([]);
  });

  test('whose camera’s process ended: nobody knows, once; with an alarm, it goes on, and ends when a state shows it', () => {
    say(null, { state: 'empty', reason: null, people: 0, unseen_ms: 9_000 });
    clock.advance(1_000);
    alarms.cameraGone('hall');
    alarms.cameraGone('hall');
    expect(heard().slice(1)).toEqual(['null notice blind null']);
    expect(said[1]?.data).toMatchObject({ age_ms: 1_200, unseen_ms: 10_000, people: 0 });
    said = [];
    say('start', { people: 2 });
    clock.advance(2_000);
    alarms.cameraGone('hall');
    expect(heard()).toEqual(['start alarm occupied occupied', 'update alarm blind occupied']);
    expect(said[1]?.data).toMatchObject({ people: 0, unseen_ms: 2_200 });
    expect(said[1]?.data.message).toContain('ended while somebody was in kitchen: nobody knows');
    said = [];
    say(null, { state: 'occupied', reason: null });
    say(null, { state: 'empty', reason: null });
    expect(heard()).toEqual(['null notice occupied null', 'end notice empty occupied']);
    expect(alarms.open).toEqual([]);
  });

  test('where nobody was seen for too long: somebody who comes ends it, and nothing else', () => {
    say('start', { state: 'empty', reason: 'empty' });
    alarms.cameraGone('hall');
    said = [];
    say(null, { state: 'empty', reason: null });
    say(null, { state: 'occupied', reason: null });
    expect(heard()).toEqual(['null notice empty null', 'end notice occupied empty']);
  });
});
