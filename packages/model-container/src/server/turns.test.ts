import { type Clock, FakeClock } from '@vigia/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { Estimate } from './estimate.ts';
import type { TurnKey } from './grants.ts';
import type { Job } from './turn-line.ts';
import { DEFAULT_GRANT_MS, Turns, type TurnsOptions } from './turns.ts';

let clock: FakeClock;
let turns: Turns;
let events: string[];

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  turns = make();
});

const make = (more: Partial<TurnsOptions<Job>> = {}): Turns =>
  new Turns({ clock, start: (jobs) => void events.push(`${jobs.map((job) => job.camera).join('+')} starts`), ...more });

const key = (name: string, connection = 1): TurnKey => ({ connection, camera: name, consumer: 'people' });

function want(name: string, connection = 1): string | undefined {
  return turns.want({
    key: key(name, connection),
    give: (grant) => events.push(`${name} granted ${grant.id}`),
    withdraw: () => events.push(`${name} withdrawn`),
  });
}

function submit(name: string, more: Partial<Job> = {}): void {
  turns.submit({
    connection: 1,
    camera: name,
    reject: (code) => events.push(`${name} ${code}`),
    ...more,
  });
}

function taken(): string[] {
  const out = events;
  events = [];
  return out;
}

test('an idle model grants at once, and nothing else until the run ends', () => {
  want('a');
  want('b');
  expect(taken()).toEqual(['a granted g1']);
  submit('a', { grant: 'g1' });
  expect(taken()).toEqual(['a starts']);
  turns.finished();
  expect(taken()).toEqual(['b granted g2']);
});

test('keys take turns however eagerly one of them asks', () => {
  want('a');
  want('b');
  want('c');
  const order: string[] = [];
  for (let i = 1; i <= 9; i++) {
    const name = taken()[0]?.[0] ?? 'nobody';
    order.push(name);
    submit(name, { grant: `g${i}` });
    want(name);
    taken();
    turns.finished();
  }
  expect(order.join('')).toBe('abcabcabc');
});

test('the key served longest ago is next, in any order of requests', () => {
  for (const name of ['a', 'b', 'c']) want(name);
  submit('a', { grant: 'g1' });
  // Asks again while its own frame is being analysed, long before `d` asks for the first time.
  want('a');
  turns.finished();
  submit('b', { grant: 'g2' });
  want('b');
  turns.finished();
  want('d');
  submit('c', { grant: 'g3' });
  taken();
  turns.finished();
  expect(taken()).toEqual(['d granted g4']);
  submit('d', { grant: 'g4' });
  turns.finished();
  expect(taken()).toEqual(['d starts', 'a granted g5']);
});

test('a key with an unfinished run gets no new grant', () => {
  want('a');
  submit('a', { grant: 'g1' });
  want('a');
  expect(taken()).toEqual(['a granted g1', 'a starts']);
  turns.finished();
  expect(taken()).toEqual(['a granted g2']);
});

test('an unused grant expires, and its late infer is rejected', () => {
  want('a');
  want('b');
  clock.advance(DEFAULT_GRANT_MS);
  expect(taken()).toEqual(['a granted g1', 'b granted g2']);
  submit('a', { grant: 'g1' });
  expect(taken()).toEqual(['a grant_expired']);
  expect(turns.counters).toEqual({ grants: 2, grantsExpired: 1 });
  submit('b', { grant: 'g2' });
  expect(taken()).toEqual(['b starts']);
  // A used grant cannot expire; the timer shared by all grants finds nothing to do.
  clock.advance(10 * DEFAULT_GRANT_MS);
  expect(turns.counters).toEqual({ grants: 2, grantsExpired: 1 });
  expect(clock.pendingTimers).toBe(0);
});

test('a grant is good for its connection and camera only, and once', () => {
  want('a');
  submit('a', { grant: 'g1', connection: 2 });
  submit('b', { grant: 'g1' });
  submit('a', { grant: 'g1' });
  submit('a', { grant: 'g1' });
  expect(taken()).toEqual(['a granted g1', 'a grant_expired', 'b grant_expired', 'a starts', 'a grant_expired']);
});

test('unwant withdraws a waiting want, or a grant that is out', () => {
  want('a');
  want('b');
  want('c');
  turns.unwant(key('b'));
  expect(taken()).toEqual(['a granted g1', 'b withdrawn']);
  turns.unwant(key('a'));
  expect(taken()).toEqual(['c granted g2']);
  turns.unwant(key('nobody'));
  expect(taken()).toEqual([]);
  expect(clock.pendingTimers).toBe(1);
});

test('the same key cannot stand in line twice, another consumer of the camera can', () => {
  want('busy');
  want('a');
  expect(want('a')).toBe('bad_request');
  expect(want('a', 2)).toBeUndefined();
});

test('a job without a grant waits for its turn among the others, one per camera', () => {
  want('a');
  submit('x');
  want('b');
  submit('x');
  submit('x', { connection: 2 });
  expect(taken()).toEqual(['a granted g1', 'x overloaded', 'x overloaded']);
  submit('a', { grant: 'g1' });
  turns.finished();
  expect(taken()).toEqual(['a starts', 'x starts']);
  submit('x');
  turns.finished();
  expect(taken()).toEqual(['b granted g2']);
});

test('a deadline that passes in line rejects without a run; one that passes in the run does not', () => {
  submit('a', { deadlineMs: 10 });
  submit('b', { deadlineMs: 50 });
  submit('c', { deadlineMs: 500 });
  clock.advance(50);
  expect(taken()).toEqual(['a starts', 'b deadline_exceeded']);
  submit('b');
  turns.finished();
  expect(taken()).toEqual(['c starts']);
  expect(clock.pendingTimers).toBe(0);
});

test('a deadline is never longer than a timer can count: it would pass at once', () => {
  const waits: number[] = [];
  const after: Clock['after'] = (ms, fn) => {
    waits.push(ms);
    return clock.after(ms, fn);
  };
  turns = make({ clock: { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs(), after } });
  submit('a');
  submit('b', { deadlineMs: 2 ** 40 });
  expect(waits).toEqual([2 ** 31 - 1]);
});

test('a closed connection loses its wants, jobs and grant; its run goes on, others are served', () => {
  submit('r', { connection: 2 });
  want('a', 2);
  submit('x', { connection: 2, deadlineMs: 100 });
  want('b', 1);
  turns.disconnect(2);
  expect(taken()).toEqual(['r starts', 'x closing', 'a withdrawn']);
  turns.finished();
  expect(taken()).toEqual(['b granted g1']);
  want('c', 3);
  turns.disconnect(1);
  expect(taken()).toEqual(['c granted g2']);
  expect(clock.pendingTimers).toBe(1);
});

test('a half-closed connection keeps its waiting jobs', () => {
  want('a', 2);
  submit('x', { connection: 2 });
  turns.withdrawWants(2);
  expect(taken()).toEqual(['a granted g1', 'x starts']);
});

test('the line is bounded', () => {
  turns = make({ maxWaiting: 2 });
  want('a');
  want('b');
  submit('x');
  expect(want('c')).toBe('overloaded');
  submit('y');
  expect(taken()).toEqual(['a granted g1', 'y overloaded']);
});

test('jobs that end inside their start do not pile up on the stack', () => {
  turns = make({ maxWaiting: 5000, start: () => turns.finished() });
  want('first');
  for (let i = 0; i < 4000; i++) submit(`camera${i}`);
  turns.unwant(key('first'));
  expect(turns.waiting).toBe(0);
});

test('closing settles everything and leaves no timer', () => {
  want('a');
  want('b');
  submit('x', { deadlineMs: 100 });
  turns.close();
  expect(taken()).toEqual(['a granted g1', 'b withdrawn', 'x closing']);
  expect([clock.pendingTimers, turns.waiting]).toEqual([0, 0]);
});

describe('a model that takes up to three at once', () => {
  beforeEach(() => {
    turns = make({ maxBatch: 3 });
  });

  test('grants as many as the next run can take, and no more', () => {
    for (const name of ['a', 'b', 'c', 'd']) want(name);
    expect(taken()).toEqual(['a granted g1', 'b granted g2', 'c granted g3']);
    turns.unwant(key('b'));
    expect(taken()).toEqual(['d granted g4']);
  });

  test('runs the frames that arrived and does not wait for other grants; those form the next run, before new grants', async () => {
    for (const name of ['a', 'b', 'c', 'd']) want(name);
    taken();
    submit('b', { grant: 'g2' });
    await new Promise((resolve) => void setImmediate(resolve));
    expect(taken()).toEqual(['b starts']);
    submit('c', { grant: 'g3' });
    expect(taken()).toEqual([]);
    submit('a', { grant: 'g1' });
    expect(taken()).toEqual(['c+a starts']);
    turns.finished();
    expect(taken()).toEqual([]);
    turns.finished();
    expect(taken()).toEqual(['d granted g4']);
  });

  test('what comes together is looked at together, at once when everybody granted has come', () => {
    for (const name of ['a', 'b']) want(name);
    taken();
    submit('a', { grant: 'g1' });
    submit('b', { grant: 'g2' });
    expect(taken()).toEqual(['a+b starts']);
  });

  test('jobs without a grant fill up what is free', () => {
    want('a');
    submit('x');
    submit('y');
    submit('z');
    expect(taken()).toEqual(['a granted g1']);
    submit('a', { grant: 'g1' });
    expect(taken()).toEqual(['a+x+y starts']);
    turns.finished();
    expect(taken()).toEqual(['z starts']);
  });

  test('a granted picture whose deadline passed during a run before it is not looked at', async () => {
    for (const name of ['a', 'b', 'c']) want(name);
    submit('a', { grant: 'g1' });
    await new Promise((resolve) => void setImmediate(resolve));
    submit('b', { grant: 'g2', deadlineMs: 30 });
    taken();
    clock.advance(40);
    turns.finished();
    expect(taken()).toEqual(['b deadline_exceeded']);
  });

  test('nothing is granted ahead while the next run is complete: the frame would wait for all of it', async () => {
    turns = make({ maxBatch: 2, runs: new Estimate(20) });
    want('a');
    want('b');
    submit('a', { grant: 'g1' });
    // b arrives after a, so a is analysed alone, and b is the next run.
    await new Promise((resolve) => void setImmediate(resolve));
    clock.advance(5);
    submit('b', { grant: 'g2' });
    want('c');
    expect(taken()).toEqual(['a granted g1', 'b granted g2', 'a starts', 'b starts']);
    clock.advance(30);
    expect(taken()).toEqual([]);
    turns.finished();
    clock.advance(30);
    expect(taken()).toEqual(['c granted g3']);
  });

  test('grants of one batch expire each at its own time', () => {
    want('a');
    clock.advance(60);
    want('b');
    clock.advance(40);
    expect(turns.counters).toEqual({ grants: 2, grantsExpired: 1 });
    clock.advance(60);
    expect(turns.counters).toEqual({ grants: 2, grantsExpired: 2 });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('shortly before a run is expected to end', () => {
  beforeEach(() => {
    turns = make({ runs: new Estimate(20) });
    for (const name of ['a', 'b', 'c']) want(name);
    submit('a', { grant: 'g1' });
    taken();
  });

  test('the next in line is granted, and only as many as the next run takes', () => {
    // 1 ms for the round trip, 1 ms because timers are late.
    clock.advance(17);
    expect(taken()).toEqual([]);
    clock.advance(1);
    expect(taken()).toEqual(['b granted g2']);
    // Handed over at once as the next run.
    submit('b', { grant: 'g2' });
    expect(taken()).toEqual(['b starts']);
    clock.advance(30);
    turns.finished();
    expect(taken()).toEqual([]);
    clock.advance(18);
    expect(taken()).toEqual(['c granted g3']);
  });

  test('but not a key with a frame in the run', () => {
    turns.unwant(key('b'));
    turns.unwant(key('c'));
    want('a');
    taken();
    clock.advance(30);
    expect(taken()).toEqual([]);
    want('d');
    turns.finished();
    // A key that was never served comes first.
    expect(taken()).toEqual(['d granted g2']);
  });

  // The first was used at once: 0.9 ms and 0.1 ms off. 10 ms weigh a tenth: 1.81 ms and 1.0 ms off, and 1 ms for the timer.
  test.each([
    ['as long before as most grants take to be used', 10, 17],
    ['but at most 5 ms before the end that is expected, however long the way', 90, 15],
  ])('%s', (_what, usedAfterMs, grantedAtMs) => {
    clock.advance(18);
    taken();
    clock.advance(usedAfterMs);
    submit('b', { grant: 'g2' });
    expect(taken()).toEqual(['b starts']);
    turns.finished();
    clock.advance(grantedAtMs - 1);
    expect(taken()).toEqual([]);
    clock.advance(1);
    expect(taken()).toEqual(['c granted g3']);
  });

  test('earlier where runs vary: most of them must not wait', () => {
    const runs = new Estimate(20);
    turns = make({ runs });
    runs.observe(10);
    // Mean 19, deviation 1.
    for (const name of ['a', 'b']) want(name);
    submit('a', { grant: 'g1' });
    taken();
    clock.advance(15);
    expect(taken()).toEqual([]);
    clock.advance(1);
    expect(taken()).toEqual(['b granted g2']);
  });

  test('a run that ends earlier grants then', () => {
    clock.advance(5);
    turns.finished();
    expect(taken()).toEqual(['b granted g2']);
    clock.advance(30);
    expect(taken()).toEqual([]);
  });
});
