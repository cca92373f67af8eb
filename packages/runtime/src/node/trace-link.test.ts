import { createLog, FakeClock } from '@vigia/base';
import { afterEach, expect, test } from 'vitest';
import { EventHub } from '#core/event-hub';
import { OtlpCollector } from '../../test/support/otlp-collector.ts';
import { OK_RESULT } from '../../test/support/traced-result.ts';
import { TraceLink } from './trace-link.ts';

const logged: string[] = [];
const log = createLog('test', ({ message }) => logged.push(message));
const { node, boot } = OK_RESULT;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function linkTo(hub: EventHub): TraceLink {
  return new TraceLink({ node, boot, version: '0.1.0', clock: new FakeClock(), log, hub });
}

/** Closed subscriptions leave the hub with the next item. */
function subscribersOf(hub: EventHub): string[] {
  hub.publish({ type: 'result', result: OK_RESULT });
  return Object.keys(hub.report());
}

test('off: no subscriber; on: one; changed: one; off again: none, and what waited was sent', async () => {
  const collector = await OtlpCollector.start();
  closers.push(() => collector.close());
  const hub = new EventHub(log);
  const link = linkTo(hub);
  await link.use(undefined);
  expect(subscribersOf(hub)).toEqual([]);
  expect(link.counts).toBeNull();
  const settings = { url: collector.url, headers: {}, sample: 1, perSecond: 2 };
  await link.use(settings);
  for (let n = 0; n < 3; n += 1) expect(subscribersOf(hub)).toEqual(['tracing']);
  expect(link.counts).toEqual({ sent: 0, failed: 0, dropped: 0, limited: 1 });
  await link.use({ ...settings, sample: 0 });
  expect(subscribersOf(hub)).toEqual(['tracing']);
  expect(link.counts).toEqual({ sent: 2, failed: 0, dropped: 0, limited: 1 });
  await link.use(undefined);
  expect(subscribersOf(hub)).toEqual([]);
  expect(link.counts).toBeNull();
  expect(collector.received).toHaveLength(1);
});

test('closed while it begins', async () => {
  const hub = new EventHub(log);
  const link = linkTo(hub);
  const beginning = link.use({ url: 'http://127.0.0.1:1/', headers: {}, sample: 1, perSecond: 1 });
  await link.close();
  await beginning;
  expect(subscribersOf(hub)).toEqual([]);
  await link.close();
});
