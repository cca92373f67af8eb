import { FakeClock } from '@vigia/base';
import type { NodeEvent, NodeItem } from '@vigia/contracts';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { Announcer } from './announcer.ts';
import { eventIds } from '#core/event-hub';
import { Keeper } from './keeper.ts';

interface Storing {
  readonly event: NodeEvent;
  readonly settle: (error?: Error) => void;
}

let storing: Storing[] = [];
let published: NodeItem[] = [];
let lost: string[] = [];
let keeper: Keeper;
let announcer: Announcer;

const turn = async (): Promise<void> => {
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
};
const revisions = (): (number | string)[] =>
  published.map((item) =>
    item.type === 'event' && item.event.kind === 'config' ? item.event.data.revision : item.type,
  );

beforeEach(() => {
  storing = [];
  published = [];
  lost = [];
  const clock = new FakeClock();
  const newId = eventIds(clock);
  keeper = new Keeper({
    publish: (item) => void published.push(item),
    onLost: (error) => void lost.push(String(error)),
  });
  announcer = new Announcer({ node: 'n', boot: newId(), clock, newId, publish: (item) => keeper.publish(item) });
});

const useStore = (): void =>
  keeper.use(
    (event) =>
      new Promise((resolve, reject) => {
        storing.push({ event, settle: (error) => (error ? reject(error) : resolve()) });
      }),
  );
const announce = (revision: number): void => announcer.config({ revision, by: 'test', changes: [] });

test('without a store everything is published at once', () => {
  announce(1);
  expect(revisions()).toEqual([1]);
});

test('nothing is published before it is stored, and nothing before what came earlier', async () => {
  useStore();
  announce(1);
  announce(2);
  expect(published).toEqual([]);
  storing[1]?.settle();
  await turn();
  expect(published).toEqual([]);
  storing[0]?.settle();
  await turn();
  expect(revisions()).toEqual([1, 2]);
});

test('what cannot be stored is reported and published all the same', async () => {
  useStore();
  announce(1);
  storing[0]?.settle(new Error('the disk is full'));
  await turn();
  expect(lost).toEqual(['Error: the disk is full']);
  expect(revisions()).toEqual([1]);
});

test('an event without a store waits for those that are still being stored', async () => {
  useStore();
  announce(1);
  keeper.use(undefined);
  announce(2);
  expect(published).toEqual([]);
  storing[0]?.settle();
  await turn();
  expect(revisions()).toEqual([1, 2]);
});

test('whatever the order in which the disk answers, the order is kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat({ max: 40 }), { maxLength: 40 }), async (order) => {
      storing = [];
      published = [];
      useStore();
      for (let n = 0; n <= 40; n += 1) announce(n + 1);
      for (const n of order) storing[n]?.settle(n % 7 === 0 ? new Error('full') : undefined);
      await turn();
      const contiguous = Array.from({ length: 42 }, (_, n) => n).find((n) => !order.includes(n)) ?? 0;
      expect(revisions()).toEqual(Array.from({ length: contiguous }, (_, n) => n + 1));
      for (const { settle } of storing) settle();
      await turn();
      expect(revisions()).toHaveLength(41);
      expect(keeper.waiting).toBe(0);
    }),
  );
});
