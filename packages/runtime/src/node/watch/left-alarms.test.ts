import type { EventQuery, NodeEvent } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { leftAlarms } from './left-alarms.ts';

const BOOT = '01J00000000000000000000000';
const AT = '2026-11-22T03:14:07.000Z';
const never = (): never => {
  throw new Error('too many');
};
const NOW = Date.parse(AT) + 60_000;
let ids = 0;

function event(
  kind: 'fall' | 'bed' | 'visit',
  subject: string,
  phase: NodeEvent['phase'],
  more: object = {},
): NodeEvent {
  ids += 1;
  const id = `01J${String(ids).padStart(23, '0')}`;
  return {
    v: 1,
    id,
    node: 'n',
    boot: BOOT,
    at: AT,
    camera: 'hall',
    consumer: 'people',
    kind,
    phase,
    severity: 'alarm',
    subject,
    data: { state: 'down' },
    ...more,
  } as unknown as NodeEvent;
}

/** A store with these events, oldest first. */
function reader(events: readonly NodeEvent[], asked: EventQuery[] = []): (query: EventQuery) => Promise<NodeEvent[]> {
  return async (query) => {
    asked.push(query);
    const from = query.after === undefined ? 0 : events.findIndex(({ id }) => id === query.after) + 1;
    return events.slice(from, from + query.limit);
  };
}

test('what began and did not end is open, as last reported', async () => {
  const events = [
    event('fall', 'hall/person-1', 'start'),
    event('fall', 'hall/person-2', 'start'),
    event('bed', 'hall/bed', null),
    event('bed', 'hall/bed', 'start', { data: { state: 'edge', reason: 'edge' } }),
    event('fall', 'hall/person-1', 'end'),
    event('fall', 'hall/person-2', 'update', { data: { state: 'blind' } }),
    event('bed', 'hall/bed-2', 'start'),
    event('bed', 'hall/bed-2', 'end'),
    event('bed', 'hall/bed', 'update', { data: { state: 'out', reason: 'out' } }),
    event('bed', 'hall/bed', null),
  ];
  const asked: EventQuery[] = [];
  expect(await leftAlarms(reader(events, asked), NOW, never)).toEqual([
    {
      camera: 'hall',
      first: events[1]?.id,
      startedMs: Date.parse(AT),
      atMs: Date.parse(AT),
      notice: { kind: 'fall', person: 2, phase: 'update', from: 'people', data: { state: 'blind' } },
    },
    {
      camera: 'hall',
      first: events[3]?.id,
      startedMs: Date.parse(AT),
      atMs: Date.parse(AT),
      notice: { kind: 'bed', zone: 'bed', phase: 'update', from: 'people', data: { state: 'out', reason: 'out' } },
    },
  ]);
  expect(asked).toMatchObject([{ kinds: ['fall', 'bed', 'visit'], fromMs: NOW - 6 * 3_600_000 }]);
});

test('more events than a page, and an end to it', async () => {
  const many = Array.from({ length: 2_500 }, () => event('fall', 'hall/person-1', 'update'));
  expect(await leftAlarms(reader([...many, event('fall', 'hall/person-7', 'start')]), NOW, never)).toHaveLength(2);
  const asked: EventQuery[] = [];
  let tooMany = 0;
  const endless = async (query: EventQuery): Promise<NodeEvent[]> => {
    asked.push(query);
    return Array.from({ length: query.limit }, () => event('fall', 'hall/person-1', 'update'));
  };
  expect(await leftAlarms(endless, NOW, () => (tooMany += 1))).toHaveLength(1);
  expect(asked).toHaveLength(150);
  expect(tooMany).toBe(1);
});

test.each([
  ['a subject of something else', event('fall', 'yard/person-1', 'start')],
  ['a person without a number', event('fall', 'hall/person-x', 'start')],
  ['no subject', event('fall', 'hall/person-1', 'start', { subject: null })],
  ['no consumer', event('bed', 'hall/bed', 'start', { consumer: null })],
])('%s is no alarm that was left', async (_, one) => {
  expect(await leftAlarms(reader([one]), NOW, never)).toEqual([]);
});

test('an alarm about visits is open as that of a bed is', async () => {
  const events = [
    event('visit', 'hall/kitchen/visits', 'start', { data: { state: 'occupied', reason: 'occupied' } }),
    event('visit', 'hall/door/visits', null),
    event('visit', 'hall/kitchen', 'start'),
  ];
  expect(await leftAlarms(reader(events), NOW, never)).toMatchObject([
    { camera: 'hall', notice: { kind: 'visit', zone: 'kitchen', phase: 'start', from: 'people' } },
  ]);
});
