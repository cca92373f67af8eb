import type { EventMessage } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { type ConsumerNews, type Lost, NodeOutbox } from './node-outbox.ts';

function news(message: string, alarm: boolean): ConsumerNews {
  return { type: 'event', event: { message, alarm } as EventMessage };
}

test('a node that does not read loses the oldest messages, but no alarm; the order holds', () => {
  let reads = false;
  const lost: Lost[] = [];
  const sent: string[] = [];
  const outbox = new NodeOutbox(
    (message) => {
      if (reads && message.type === 'event') sent.push(message.event.message);
      return reads;
    },
    (some) => lost.push(some),
  );
  for (let n = 0; n < 1_000; n += 1) outbox.post(news(`${n}`, n % 10 === 0));
  expect(lost).toEqual([]);
  reads = true;
  outbox.flush();
  // 900 were no alarms.
  expect(lost).toEqual([{ messages: 900 - 256, alarms: 0 }]);
  const alarms = sent.filter((message) => Number(message) % 10 === 0);
  expect(alarms).toHaveLength(100);
  expect(sent).toHaveLength(100 + 256);
  expect(sent).toEqual(sent.toSorted((a, b) => Number(a) - Number(b)));
  expect(sent.at(-1)).toBe('999');
  outbox.post(news('next', false));
  expect(sent.at(-1)).toBe('next');
  expect(lost).toHaveLength(1);
});

const rule = (phase: 'start' | 'update' | 'end' | null): ConsumerNews =>
  ({ type: 'rule', notice: { phase } }) as ConsumerNews;

test('nothing of an alarm is discarded for newer messages, not even its end', () => {
  let reads = false;
  const sent: string[] = [];
  const outbox = new NodeOutbox(
    (message) => {
      if (reads) sent.push(message.type === 'rule' ? (message.notice.phase ?? 'none') : message.type);
      return reads;
    },
    () => undefined,
  );
  for (const phase of ['start', 'update', 'end'] as const) outbox.post(rule(phase));
  for (let n = 0; n < 1_000; n += 1) outbox.post(news(`${n}`, false));
  reads = true;
  outbox.flush();
  expect(sent.slice(0, 4)).toEqual(['start', 'update', 'end', 'event']);
});

test('a state of a bed without an alarm is discarded like other states', () => {
  let reads = false;
  const sent: string[] = [];
  const outbox = new NodeOutbox(
    (message) => {
      if (reads) sent.push(message.type);
      return reads;
    },
    () => undefined,
  );
  outbox.post(rule(null));
  for (let n = 0; n < 1_000; n += 1) outbox.post(news(`${n}`, false));
  reads = true;
  outbox.flush();
  expect(sent).not.toContain('rule');
});

test('more alarms than it can hold: the oldest are lost, counted and reported', () => {
  let reads = false;
  const lost: Lost[] = [];
  const outbox = new NodeOutbox(
    () => reads,
    (some) => lost.push(some),
  );
  for (let n = 0; n < 4_100; n += 1) outbox.post(news(`${n}`, true));
  expect(lost).toEqual([{ messages: 1, alarms: 1 }]);
  reads = true;
  outbox.flush();
  expect(lost.slice(1)).toEqual([{ messages: 4, alarms: 4 }]);
});
