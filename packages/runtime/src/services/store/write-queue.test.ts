import { FakeClock } from '@vigia/base';
import { beforeEach, expect, test } from 'vitest';
import type { StoredEvent } from './event-log.ts';
import { WriteQueue } from './write-queue.ts';

const event = (n: number, body = '{}'): StoredEvent => ({
  id: String(n),
  atMs: 0,
  camera: null,
  kind: 'node',
  severity: 'notice',
  body,
});
const turn = async (): Promise<void> => {
  for (let i = 0; i < 200; i += 1) await Promise.resolve();
};

let clock: FakeClock;
let queue: WriteQueue;
let stored: string[];
let transactions: number[];
let full: boolean;
let states: string[];
beforeEach(() => {
  clock = new FakeClock();
  [stored, transactions, states, full] = [[], [], [], false];
  queue = new WriteQueue({
    clock,
    write: async (events) => {
      if (full) throw new Error('database or disk is full');
      transactions.push(events.length);
      stored.push(...events.map(({ id }) => id));
    },
    onFailing: (why) => states.push(`failing: ${why}`),
    onRecovered: (discarded) => states.push(`recovered, ${discarded} discarded`),
  });
});

/** How an append ended, so far. */
function watched(n: number, body?: string): { outcome: string } {
  const watch = { outcome: 'waits' };
  queue.append(event(n, body)).then(
    () => (watch.outcome = 'stored'),
    (error: { code: string }) => (watch.outcome = error.code),
  );
  return watch;
}

test('what comes during a transaction becomes the next one', async () => {
  const all = Array.from({ length: 600 }, (_, i) => watched(i));
  await turn();
  expect(all.every(({ outcome }) => outcome === 'stored')).toBe(true);
  expect(stored).toEqual(all.map((_, i) => String(i)));
  expect(transactions).toEqual([1, 256, 256, 87]);
});

test('a full disk: late after 2 s, stored in order when there is room; both ends are reported once', async () => {
  full = true;
  const [first, second] = [watched(1), watched(2)];
  await turn();
  clock.advance(1_999);
  await turn();
  expect([first.outcome, states]).toEqual(['waits', ['failing: database or disk is full']]);
  clock.advance(1);
  await turn();
  expect([first.outcome, second.outcome]).toEqual(['store_late', 'store_late']);
  full = false;
  const third = watched(3);
  for (let s = 0; s < 2; s += 1) {
    clock.advance(1_000);
    await turn();
  }
  expect([stored, third.outcome]).toEqual([['1', '2', '3'], 'stored']);
  expect(states).toEqual(['failing: database or disk is full', 'recovered, 0 discarded']);
  expect(queue.waiting).toBe(0);
});

test('what does not fit is refused at once and counted, by number and by size', async () => {
  full = true;
  for (let n = 0; n < 16_384; n += 1) watched(n);
  await turn();
  const refused = watched(16_384);
  await turn();
  expect(refused.outcome).toBe('store_full');
  full = false;
  for (let s = 0; s < 3; s += 1) {
    clock.advance(1_000);
    await turn();
  }
  expect(states.at(-1)).toBe('recovered, 1 discarded');
  const large = 'x'.repeat(5 * 1024 * 1024);
  full = true;
  const [fits, doesNot] = [watched(1, large), watched(2, large)];
  await turn();
  expect([fits.outcome, doesNot.outcome]).toEqual(['waits', 'store_full']);
});

test('closing writes what waits, and says how many it could not', async () => {
  watched(1);
  expect(await queue.close()).toBe(0);
  expect(stored).toEqual(['1']);
  const after = watched(2);
  await turn();
  expect(after.outcome).toBe('store_full');
});

test('closing while the disk takes nothing', async () => {
  full = true;
  const lost = watched(1);
  await turn();
  expect(await queue.close()).toBe(1);
  await turn();
  expect(lost.outcome).toBe('store_full');
});
