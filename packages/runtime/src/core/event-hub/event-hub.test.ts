import { createLog, FakeClock } from '@vigia/base';
import type { NodeEvent, NodeItem, ResultMessage } from '@vigia/contracts';
import fc from 'fast-check';
import { decodeTime } from 'ulid';
import { beforeEach, describe, expect, test } from 'vitest';
import { EventHub } from './event-hub.ts';
import { eventIds } from './event-ids.ts';
import type { Subscription } from './subscription.ts';

const newId = eventIds(new FakeClock());
let logged: string[] = [];
let hub: EventHub;
beforeEach(() => {
  logged = [];
  hub = new EventHub(createLog('test', (record) => logged.push(record.message)));
});

const COMMON = { v: 1, node: 'ward-3', at: '2026-11-22T03:14:07.123Z', consumer: null } as const;
const BOOT = newId();

function result(seq: number): NodeItem {
  return { type: 'result', result: { camera: 'hall', consumer: 'people', seq } as ResultMessage };
}

function state(camera: string, reason: string, phase: 'end' | null = null): NodeItem {
  const data = { state: 'live', reason, message: null, retry_in_ms: null } as const;
  return event({ kind: 'camera_state', camera, subject: camera, severity: 'info', phase, data });
}

function happened(severity: 'notice' | 'alarm', message: string): NodeItem {
  const data = { type: 'sla_breached', sla: 'critical', alarm: true, reason: null, message } as const;
  return event({ kind: 'sla', camera: 'hall', subject: 'hall/people', severity, phase: null, data });
}

function modelState(model: string): NodeItem {
  const data = { model, state: 'ready', reason: null } as const;
  return event({ kind: 'model_state', camera: null, subject: `model-${model}`, severity: 'info', phase: null, data });
}

function workerState(severity: 'warning' | 'alarm', message: string): NodeItem {
  const alarm = severity === 'alarm';
  const data = { worker: 'w', sla: 'critical', state: 'failed', reason: null, message, alarm } as const;
  return event({ kind: 'worker_state', camera: 'hall', subject: 'hall/people', severity, phase: null, data });
}

function event(body: Pick<NodeEvent, 'kind' | 'camera' | 'subject' | 'severity' | 'phase' | 'data'>): NodeItem {
  return { type: 'event', event: { ...COMMON, id: newId(), boot: BOOT, ...body } as NodeEvent };
}

/** A short name of an item, for comparisons. */
function nameOf(item: NodeItem): string {
  if (item.type === 'result') return `result ${item.result.seq}`;
  if (item.type !== 'event') return item.type;
  const { kind, camera, data } = item.event;
  return kind === 'camera_state'
    ? `${camera} ${data.reason}`
    : `${item.event.severity} ${'message' in data ? data.message : ''}`;
}

const isAlarm = (item: NodeItem): boolean => item.type === 'event' && item.event.severity === 'alarm';

/** A subscriber that takes items one by one, when the test calls `next`. */
class Slow {
  readonly taken: NodeItem[] = [];
  #let: (() => void) | undefined;
  readonly handle = (item: NodeItem): Promise<void> => {
    this.taken.push(item);
    return new Promise((resolve) => {
      this.#let = resolve;
    });
  };
  get names(): string[] {
    return this.taken.map(nameOf);
  }
  /** Lets the handler return. Resolves when the next item, if any, has arrived. */
  async next(): Promise<void> {
    const release = this.#let;
    this.#let = undefined;
    release?.();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
  async all(subscription: Subscription): Promise<void> {
    while (subscription.report().queued > 0) await this.next();
    await this.next();
  }
}

describe('a slow subscriber', () => {
  test('keeps the newest results and counts the rest', async () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'slow', limits: { samples: 3 } }, slow.handle);
    for (let seq = 1; seq <= 10; seq += 1) hub.publish(result(seq));
    expect(subscription.report()).toMatchObject({ delivered: 1, queued: 3, dropped: { samples: 6 } });
    await slow.all(subscription);
    expect(slow.names).toEqual(['result 1', 'result 8', 'result 9', 'result 10']);
  });

  test('receives the latest state of each subject, in the order of publishing', async () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'slow' }, slow.handle);
    for (const item of [state('a', '0'), state('a', '1'), state('b', '1'), state('a', '2')]) hub.publish(item);
    await slow.all(subscription);
    expect(slow.names).toEqual(['a 0', 'b 1', 'a 2']);
    expect(subscription.report().dropped).toEqual({ samples: 0, events: 0, states: 1 });
  });

  test('receives a state that is an alarm although newer states replace each other', async () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'slow' }, slow.handle);
    hub.publish(result(1));
    for (const severity of ['alarm', 'warning', 'warning'] as const) hub.publish(workerState(severity, 'm'));
    await slow.all(subscription);
    expect(slow.names).toEqual(['result 1', 'alarm m', 'warning m']);
  });

  test('loses the oldest events, and no alarm', async () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'slow', limits: { events: 2 } }, slow.handle);
    hub.publish(result(1));
    for (let n = 1; n <= 4; n += 1) {
      hub.publish(happened('alarm', `${n}`));
      hub.publish(happened('notice', `${n}`));
    }
    await slow.all(subscription);
    expect(slow.names.slice(1)).toEqual(['alarm 1', 'alarm 2', 'alarm 3', 'notice 3', 'alarm 4', 'notice 4']);
    expect(subscription.report().dropped.events).toBe(2);
  });

  test('is ended and notified when it leaves too many alarms unread', async () => {
    let overflowed = 0;
    const slow = new Slow();
    const onOverflow = (): void => void (overflowed += 1);
    const subscription = hub.subscribe({ name: 'stuck', limits: { alarms: 5 }, onOverflow }, slow.handle);
    for (let n = 0; n < 20; n += 1) hub.publish(happened('alarm', `${n}`));
    expect([overflowed, subscription.closed, subscription.report().queued]).toEqual([1, true, 0]);
    expect(logged).toEqual(['subscriber stuck left too many alarms unread and was ended']);
    expect(hub.report()).toEqual({});
  });

  test('receives nothing while paused, and the missed items on resume', () => {
    const taken: string[] = [];
    const subscription = hub.subscribe({ name: 'paused' }, (item) => void taken.push(nameOf(item)));
    subscription.pause();
    for (const item of [happened('alarm', '1'), result(1)]) hub.publish(item);
    expect(taken).toEqual([]);
    subscription.resume();
    expect(taken).toEqual(['alarm 1', 'result 1']);
  });

  test('that leaves alarms of too many characters unread is ended too', () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'stuck', limits: { alarmCharacters: 5_000 } }, slow.handle);
    for (let n = 0; n < 6; n += 1) hub.publish(happened('alarm', 'x'.repeat(1_000)));
    expect(subscription.closed).toBe(true);
  });

  test.each([
    ['alarms', { alarms: 2 }],
    ['characters', { alarmCharacters: 2 * JSON.stringify(happened('alarm', 'm')).length }],
  ])('is ended by the first alarm beyond the limit of %s, and notified then', (_what, limits) => {
    const closedWhenNotified: boolean[] = [];
    const onOverflow = (): void => void closedWhenNotified.push(subscription.closed);
    const subscription = hub.subscribe({ name: 'stuck', limits, onOverflow }, new Slow().handle);
    for (let n = 0; n < 3; n += 1) hub.publish(happened('alarm', 'm'));
    expect([subscription.closed, subscription.report().queued]).toEqual([false, 2]);
    hub.publish(happened('alarm', 'm'));
    expect(closedWhenNotified).toEqual([true]);
  });

  test('is limited in what it leaves unread, not in what it has read', async () => {
    const slow = new Slow();
    const alarmCharacters = 2 * JSON.stringify(happened('alarm', 'm')).length;
    const limits = { samples: 2, events: 2, alarms: 2, alarmCharacters };
    const subscription = hub.subscribe({ name: 'slow', limits }, slow.handle);
    for (let round = 0; round < 3; round += 1) {
      for (const n of [1, 2, 3]) hub.publish(result(n));
      for (const severity of ['notice', 'alarm', 'notice', 'alarm'] as const) hub.publish(happened(severity, 'm'));
      await slow.all(subscription);
    }
    const dropped = { samples: 0, events: 0, states: 0 };
    expect(subscription.report()).toEqual({ delivered: 21, failed: 0, dropped, queued: 0 });
    expect(subscription.closed).toBe(false);
  });

  test('has the limits of the README when it asks for none', () => {
    const subscription = hub.subscribe({ name: 'stuck' }, new Slow().handle);
    for (let n = 0; n <= 300; n += 1) hub.publish(result(n));
    const early = subscription.report();
    for (let n = 0; n < 1_100; n += 1) hub.publish(happened('notice', 'm'));
    expect(early).toMatchObject({ queued: 256, dropped: { samples: 44, events: 0 } });
    expect(subscription.report()).toMatchObject({ queued: 256 + 1_024, dropped: { samples: 44, events: 76 } });
    for (let n = 0; n < 16_384; n += 1) hub.publish(happened('alarm', 'm'));
    expect(subscription.closed).toBe(false);
    hub.publish(happened('alarm', 'm'));
    expect(subscription.closed).toBe(true);
    const other = hub.subscribe({ name: 'stuck with long ones' }, new Slow().handle);
    const long = happened('alarm', 'x'.repeat(1_024 * 1_024));
    for (let n = 0; n < 8; n += 1) hub.publish(long);
    expect(other.closed).toBe(false);
    hub.publish(long);
    expect(other.closed).toBe(true);
  });

  test('gets every one of 10,000 alarms at once', async () => {
    const slow = new Slow();
    const subscription = hub.subscribe({ name: 'slow' }, slow.handle);
    for (let n = 0; n < 10_000; n += 1) hub.publish(happened('alarm', `${n}`));
    await slow.all(subscription);
    expect(slow.names).toEqual(Array.from({ length: 10_000 }, (_, n) => `alarm ${n}`));
  });
});

describe('a new subscriber', () => {
  test('receives the latest states on request, and none of a removed subject', () => {
    for (const item of [state('a', '1'), state('b', '1'), state('a', '2'), state('b', '1', 'end')]) hub.publish(item);
    const taken: string[] = [];
    hub.subscribe({ name: 'late', replayStates: true }, (item) => void taken.push(nameOf(item)));
    hub.subscribe({ name: 'other' }, (item) => void taken.push(nameOf(item)));
    expect(taken).toEqual(['a 2']);
  });

  test('receives states of cameras, models and workers, also of one name and also alarms', () => {
    const states = [state('model-m', '1'), modelState('m'), workerState('alarm', 'm')];
    for (const item of states) hub.publish(item);
    const taken: NodeItem[] = [];
    hub.subscribe({ name: 'late', replayStates: true }, (item) => void taken.push(item));
    expect(taken).toEqual(states);
  });

  test('that arrives while an item is handed out receives its state once, and no earlier item', () => {
    const taken: string[] = [];
    let late: Subscription | undefined;
    hub.subscribe({ name: 'first' }, () => {
      late ??= hub.subscribe({ name: 'late', replayStates: true }, (item) => void taken.push(nameOf(item)));
    });
    hub.publish(state('a', '1'));
    hub.publish(result(2));
    expect(taken).toEqual(['a 1', 'result 2']);
  });
});

test('items that a subscriber publishes follow the item it received, in their order, for all subscribers', () => {
  const taken: string[] = [];
  const followers: Readonly<Record<number, readonly number[]>> = { 1: [2, 3], 2: [4] };
  hub.subscribe({ name: 'echo' }, (item) => {
    if (item.type === 'result') for (const seq of followers[item.result.seq] ?? []) hub.publish(result(seq));
  });
  hub.subscribe({ name: 'other' }, (item) => void taken.push(nameOf(item)));
  hub.publish(result(1));
  expect(taken).toEqual(['result 1', 'result 2', 'result 3', 'result 4']);
});

test('every failure of a subscriber is counted, the first one is logged', async () => {
  const subscription = hub.subscribe({ name: 'broken' }, (item) => {
    if (item.type === 'result' && item.result.seq === 2) return Promise.reject(new Error('refused'));
    throw new Error('full');
  });
  for (const seq of [1, 2, 3]) hub.publish(result(seq));
  await subscription.drained();
  expect(logged).toEqual(['subscriber broken failed: full']);
  expect(subscription.report()).toMatchObject({ delivered: 3, failed: 3 });
});

test('a subscription that is closed between two items receives no more', () => {
  const taken: string[] = [];
  const subscription = hub.subscribe({ name: 'leaving' }, (item) => void taken.push(nameOf(item)));
  hub.publish(result(1));
  subscription.close();
  hub.publish(result(2));
  expect([taken, subscription.report().delivered]).toEqual([['result 1'], 1]);
});

test('drained resolves when the queue is empty, and when the subscription ends', async () => {
  const slow = new Slow();
  const subscription = hub.subscribe({ name: 'slow' }, slow.handle);
  hub.publish(result(1));
  hub.publish(result(2));
  let drained = false;
  const waiting = subscription.drained().then(() => (drained = true));
  await slow.next();
  expect(drained).toBe(false);
  await slow.next();
  await waiting;
  hub.publish(result(3));
  const ending = subscription.drained();
  hub.close();
  await ending;
  expect(hub.report()).toEqual({});
});

test('drained waits for a paused subscriber to read what waits', async () => {
  const subscription = hub.subscribe({ name: 'paused' }, () => undefined);
  subscription.pause();
  hub.publish(result(1));
  let drained = false;
  const waiting = subscription.drained().then(() => (drained = true));
  await Promise.resolve();
  expect(drained).toBe(false);
  subscription.resume();
  await waiting;
});

test('ids sort by time, also within a millisecond and when the clock steps back, and differ between nodes', () => {
  const clock = new FakeClock();
  let wallMs = clock.wallMs();
  const make = eventIds({ wallMs: () => wallMs });
  const ids: string[] = [];
  for (let n = 0; n < 3_000; n += 1) {
    if (n === 1_000) wallMs += 5;
    if (n === 2_000) wallMs -= 3_600_000;
    ids.push(make());
  }
  expect(decodeTime(ids[0] ?? '')).toBe(clock.wallMs());
  expect(ids).toEqual([...new Set(ids)].sort());
  const other = eventIds({ wallMs: () => wallMs });
  expect(ids).not.toContain(other());
});

const SUBJECTS = 8;
/** How each subscriber of the property behaves. */
const manner = fc.constantFrom(
  'reads',
  'throws',
  'rejects',
  'is slow',
  'leaves at once',
  'leaves later',
  'never reads',
);
const itemKind = fc.constantFrom('result', 'state', 'notice', 'alarm');

test('a burst of 10,000 with subscribers that are slow, throw or leave: every alarm, in order, counted, bounded', async () => {
  let published = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(manner, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(itemKind),
      async (manners, kinds) => {
        hub = new EventHub(createLog('test', () => undefined));
        const limits = { samples: 64, events: 128 };
        const readers = manners.map((how, i) => {
          const taken: NodeItem[] = [];
          const subscription: Subscription = hub.subscribe({ name: `${how} ${i}`, limits }, (item) => {
            taken.push(item);
            if (how === 'throws') throw new Error('broken');
            if (how === 'rejects') return Promise.reject(new Error('broken'));
            if (how === 'is slow') return taken.length % 7 === 0 ? Promise.resolve() : undefined;
            if (how === 'leaves at once') subscription.close();
            if (how === 'leaves later' && taken.length === 500) subscription.close();
            return how === 'never reads' ? new Promise(() => undefined) : undefined;
          });
          return { how, taken, subscription };
        });
        const items: NodeItem[] = [];
        let alarms = 0;
        let unbounded = 0;
        for (let n = 0; n < 1_000; n += 1) {
          const kind = kinds.next().value;
          const item =
            kind === 'result'
              ? result(n)
              : kind === 'state'
                ? state(`camera-${n % SUBJECTS}`, `${n}`)
                : happened(kind, `${n}`);
          items.push(item);
          if (kind === 'alarm') alarms += 1;
          hub.publish(item);
          published += 1;
          // The bound: samples, events, one state per subject, and all alarms.
          const most = limits.samples + limits.events + SUBJECTS + alarms;
          unbounded += readers.filter(({ subscription }) => subscription.report().queued > most).length;
        }
        expect(unbounded).toBe(0);
        // All other subscribers drain or have left.
        const draining = readers.filter(({ how }) => how !== 'never reads');
        await Promise.all(draining.map(({ subscription }) => subscription.drained()));
        const position = new Map(items.map((item, i) => [item, i]));
        for (const { how, taken, subscription } of readers) {
          const order = taken.map((item) => position.get(item) as number);
          expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
          const { delivered, failed, dropped, queued } = subscription.report();
          expect(delivered).toBe(taken.length);
          if (how === 'throws' || how === 'rejects') expect(failed).toBe(taken.length);
          if (how.startsWith('leaves')) expect(taken.length).toBeLessThanOrEqual(how === 'leaves at once' ? 1 : 500);
          else {
            expect(delivered + dropped.samples + dropped.events + dropped.states + queued).toBe(items.length);
            if (how !== 'never reads') expect(taken.filter(isAlarm)).toEqual(items.filter(isAlarm));
          }
        }
      },
    ),
    { numRuns: 15, endOnFailure: true },
  );
  expect(published).toBeGreaterThanOrEqual(10_000);
});

test('a subscription that is closed is gone at once, also while nothing is published', () => {
  for (let n = 0; n < 1_000; n += 1) hub.subscribe({ name: 'guest' }, () => undefined).close();
  expect(hub.size).toBe(0);
});
