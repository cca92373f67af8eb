import type { Acknowledged, EventQuery, NodeEvent, OpenAlarm } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { Asked } from './asked.ts';
import type { ControlledNode } from './controlled-node.ts';
import { nodeHandlers } from './handlers.ts';

const idOf = (n: number): string => `01J${String(n).padStart(23, '0')}`;
const alarm = (n: number, subject = 'hall/person-1'): NodeEvent =>
  ({ id: idOf(n), kind: 'fall', severity: 'alarm', subject }) as NodeEvent;
const audit = (n: number, target: number, by: string, more: object = {}): NodeEvent => {
  const data = { by, action: 'acknowledge', target: idOf(target), outcome: 'done', reason: null, ...more };
  return { id: idOf(n), kind: 'audit', severity: 'notice', at: `2026-11-22T03:00:0${n % 10}Z`, data } as NodeEvent;
};

/** Who acknowledged each event of a page, by its number; null: nobody. */
async function acknowledged(
  page: readonly NodeEvent[],
  changes: readonly NodeEvent[],
  alarms: readonly Partial<OpenAlarm>[] = [],
): Promise<Readonly<Record<number, Acknowledged | null>>> {
  const events = (query: EventQuery): Promise<readonly NodeEvent[]> => {
    if (!query.kinds) return Promise.resolve(page);
    expect(query).toMatchObject({
      kinds: ['audit'],
      about: page.flatMap((e) => (e.severity === 'alarm' ? [e.id] : [])),
    });
    return Promise.resolve(changes);
  };
  const node = { newEventId: () => idOf(99), events, status: () => ({ alarms }) } as unknown as ControlledNode;
  const answer = await nodeHandlers.events(node, { query: {} } as unknown as Asked<'events'>);
  return Object.fromEntries(answer.events.map((event) => [Number(event.id.slice(3)), event.acknowledged ?? null]));
}

test('a listed alarm says who acknowledged it first, and what was found last', async () => {
  const changes = [
    audit(5, 1, 'anna'),
    audit(6, 2, 'eve', { outcome: 'refused' }),
    audit(7, 2, 'eve', { action: 'restartCamera' }),
    audit(8, 1, 'bert', { found: { outcome: 'no_pain' } }),
    audit(9, 1, 'bert', { found: { note: 'sleeps' } }),
  ];
  const notice = { id: idOf(3), kind: 'fall', severity: 'notice', subject: 'hall/person-1' } as NodeEvent;
  expect(await acknowledged([notice, alarm(2), alarm(1)], changes)).toEqual({
    1: { at: '2026-11-22T03:00:05Z', by: 'anna', outcome: 'no_pain', note: 'sleeps' },
    2: null,
    3: null,
  });
});

test('of an open alarm all events say it from its start on, and no earlier alarm of the same subject', async () => {
  const by: Acknowledged = { at: '2026-11-22T03:00:00Z', by: 'anna' };
  const page = [alarm(4), alarm(3), alarm(2, 'yard/person-1'), alarm(1)];
  const open = { subject: 'hall/person-1', event: idOf(3), acknowledged: by };
  expect(await acknowledged(page, [], [open])).toEqual({ 1: null, 2: null, 3: by, 4: by });
  expect(await acknowledged(page, [], [{ ...open, acknowledged: null }])).toEqual({
    1: null,
    2: null,
    3: null,
    4: null,
  });
});

test('a page without alarms asks for nothing else', async () => {
  expect(await acknowledged([audit(1, 9, 'anna')], [alarm(1)])).toEqual({ 1: null });
});
