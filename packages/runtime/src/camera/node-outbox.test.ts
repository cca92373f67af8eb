import type { EventMessage } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { type ConsumerNews, NodeOutbox } from './node-outbox.ts';

function news(message: string, alarm: boolean): ConsumerNews {
  return { type: 'event', event: { message, alarm } as EventMessage };
}

test('a node that does not read loses the oldest messages, but no alarm; the order holds', () => {
  let reads = false;
  const lost = (): void => expect.unreachable();
  const sent: string[] = [];
  const outbox = new NodeOutbox((message) => {
    if (reads && message.type === 'event') sent.push(message.event.message);
    return reads;
  }, lost);
  for (let n = 0; n < 1_000; n += 1) outbox.post(news(`${n}`, n % 10 === 0));
  reads = true;
  outbox.flush();
  const alarms = sent.filter((message) => Number(message) % 10 === 0);
  expect(alarms).toHaveLength(100);
  expect(sent).toHaveLength(100 + 256);
  expect(sent).toEqual(sent.toSorted((a, b) => Number(a) - Number(b)));
  expect(sent.at(-1)).toBe('999');
  outbox.post(news('next', false));
  expect(sent.at(-1)).toBe('next');
});

test('more alarms than it can hold: the oldest is lost, and reported', () => {
  let lost = 0;
  const outbox = new NodeOutbox(
    () => false,
    () => void (lost += 1),
  );
  for (let n = 0; n < 4_100; n += 1) outbox.post(news(`${n}`, true));
  expect(lost).toBe(4);
});
