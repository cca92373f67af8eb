import { createLog, FakeClock, type LogRecord } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { Outbox, type OutboxSource } from './outbox.ts';

const event = (n: number): NodeEvent => ({ id: String(n) }) as NodeEvent;
const turn = async (): Promise<void> => {
  for (let i = 0; i < 1_000; i += 1) await Promise.resolve();
};

/** A store in memory, which can be broken. */
class Memory implements OutboxSource {
  readonly events: NodeEvent[] = [];
  readonly places = new Map<string, number>();
  broken = false;

  async begin(name: string): Promise<void> {
    this.#check();
    if (!this.places.has(name)) this.places.set(name, this.events.length);
  }

  async unread(name: string, limit: number): Promise<NodeEvent[]> {
    this.#check();
    const from = this.places.get(name) ?? 0;
    return this.events.slice(from, from + limit);
  }

  async advance(name: string, id: string): Promise<void> {
    this.#check();
    this.places.set(name, this.events.findIndex((e) => e.id === id) + 1);
  }

  async forgetOthers(prefix: string, names: readonly string[]): Promise<void> {
    for (const name of this.places.keys())
      if (name.startsWith(prefix) && !names.includes(name)) this.places.delete(name);
  }

  #check(): void {
    if (this.broken) throw new Error('the disk is gone');
  }
}

let source: Memory;
let delivered: string[];
let there: boolean;
let clock: FakeClock;
let logged: LogRecord[];
const outbox = (): Outbox =>
  new Outbox({
    name: 'mqtt',
    source,
    deliver: async ({ id }) => {
      if (there) delivered.push(id);
      return there;
    },
    clock,
    log: createLog('test', (record) => logged.push(record)),
  });
const store = (from: number, to: number): void => {
  for (let n = from; n <= to; n += 1) source.events.push(event(n));
};
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

beforeEach(() => {
  source = new Memory();
  delivered = [];
  logged = [];
  there = true;
  clock = new FakeClock();
});

test('delivers everything in order, and what comes later when it is woken', async () => {
  const box = outbox();
  box.start();
  await turn();
  store(1, 100);
  box.wake();
  await turn();
  store(101, 101);
  box.wake();
  await turn();
  expect(delivered).toEqual(numbers(1, 101));
  await box.close();
  expect(source.places.get('mqtt')).toBe(101);
});

test('goes on where it was, when nobody was there and after a restart', async () => {
  const first = outbox();
  first.start();
  await turn();
  there = false;
  store(1, 3);
  first.wake();
  await turn();
  expect(delivered).toEqual([]);
  await first.close();
  there = true;
  const second = outbox();
  second.start();
  await turn();
  expect(delivered).toEqual(['1', '2', '3']);
  await second.close();
});

test('a store that fails is asked again, and complained about once', async () => {
  const box = outbox();
  source.broken = true;
  box.start();
  for (let i = 0; i < 3; i += 1) {
    await turn();
    clock.advance(1_000);
  }
  source.broken = false;
  store(1, 2);
  source.places.set('mqtt', 0);
  await turn();
  clock.advance(1_000);
  await turn();
  expect(delivered).toEqual(['1', '2']);
  expect(logged.map(({ message }) => message)).toEqual(['outbox mqtt: the disk is gone']);
  await box.close();
  expect(clock.pendingTimers).toBe(0);
});

test('ends while it waits', async () => {
  const box = outbox();
  box.start();
  await turn();
  await box.close();
  expect(clock.pendingTimers).toBe(0);
});
