import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeClock } from './clock.ts';
import { createLog } from './log.ts';
import { StartGate } from './start-gate.ts';
import { type ChildState, SupervisedChild } from './supervised-child.ts';

/** Behaves as no real process can be made to: it ends only when the test says so. */
class FakeProcess extends EventEmitter {
  readonly pid: number | undefined;
  readonly connected = true;
  readonly stdout = undefined;
  readonly stderr = undefined;
  readonly got: string[] = [];

  constructor(pid: number | undefined) {
    super();
    this.pid = pid;
  }

  send(message: { readonly type: string }): void {
    this.got.push(message.type);
  }

  kill(signal: string): void {
    this.got.push(signal);
  }

  unref(): void {
    this.got.push('unref');
  }
}

const forked: (FakeProcess | Error)[] = [];
vi.mock('node:child_process', () => ({
  fork: () => {
    const next = forked.shift();
    if (next instanceof Error) throw next;
    return next;
  },
}));

const states: ChildState[] = [];
const logged: string[] = [];
let clock = new FakeClock();

function childOf(...processes: (FakeProcess | Error)[]): SupervisedChild {
  forked.push(...processes);
  return newChild('camera:hall');
}

function newChild(name: string, gate?: StartGate): SupervisedChild {
  return new SupervisedChild({
    name,
    ...(gate ? { gate } : {}),
    entry: 'x.js',
    clock,
    log: createLog('test', (record) => logged.push(record.message)),
    onLog: () => undefined,
    onState: (state) => states.push(state),
    readyTimeoutMs: 10_000,
    restart: { firstMs: 100, maxMs: 10_000, jitter: 0 },
  });
}

beforeEach(() => {
  for (const list of [forked, states, logged]) list.length = 0;
  clock = new FakeClock();
});

describe('stop', () => {
  test('asks, insists, kills, and at last leaves behind by name what does not go', async () => {
    const process = new FakeProcess(7);
    const child = childOf(process);
    child.start();
    const stopped = child.stop();
    expect(process.got).toEqual(['stop']);
    clock.advance(700);
    expect(process.got).toEqual(['stop', 'SIGTERM']);
    clock.advance(300);
    expect(process.got).toEqual(['stop', 'SIGTERM', 'SIGKILL']);
    clock.advance(500);
    await stopped;
    expect(process.got.at(-1)).toBe('unref');
    expect(logged).toEqual([
      'camera:hall did not stop within 1000 ms, killed',
      'camera:hall (process 7) did not go, not even after SIGKILL; left behind',
    ]);
    expect(states.at(-1)).toEqual({ state: 'stopped' });
    expect(clock.pendingTimers).toBe(0);
  });

  test('is over as soon as the process is', async () => {
    const process = new FakeProcess(7);
    const child = childOf(process);
    child.start();
    const stopped = child.stop();
    process.emit('exit', 0, null);
    await stopped;
    expect(process.got).toEqual(['stop']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a process that cannot be started', () => {
  test.each([
    ['says so by an event', new FakeProcess(undefined)],
    ['says so at once', Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' })],
  ])('%s: is tried again', (_, failing) => {
    const child = childOf(failing, new FakeProcess(8));
    child.start();
    if (failing instanceof FakeProcess)
      failing.emit('error', Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' }));
    expect(states.at(-1)).toMatchObject({ state: 'waiting', retryInMs: 100 });
    expect(logged[0]).toMatch(/^camera:hall cannot be started \((EAGAIN|ENOMEM)\); starting it again in 100 ms$/);
    clock.advance(100);
    expect(states.at(-1)).toEqual({ state: 'starting', pid: 8 });
    expect(child.restarts).toBe(1);
  });
});

describe('with a gate', () => {
  const gated = (...names: readonly string[]): SupervisedChild[] => {
    const gate = new StartGate({ clock, places: 1, heldMs: 2_000 });
    return names.map((name) => newChild(name, gate));
  };
  const started = (): (number | undefined)[] =>
    states.flatMap((state) => (state.state === 'starting' ? [state.pid] : []));

  test.each([
    ['is ready', (process: FakeProcess) => process.emit('message', { type: 'ready' })],
    ['has ended', (process: FakeProcess) => process.emit('exit', 1, null)],
    ['hangs for a while', () => clock.advance(2_000)],
  ])('the next one starts when the one before %s', (_, happen) => {
    const first = new FakeProcess(1);
    forked.push(first, new FakeProcess(2), new FakeProcess(3));
    const [one, two] = gated('one', 'two');
    one?.start();
    two?.start();
    expect(started()).toEqual([1]);
    happen(first);
    expect(started()).toEqual([1, 2]);
  });

  test('one that is stopped before its turn never starts, and is stopped at once', async () => {
    const first = new FakeProcess(1);
    forked.push(first, new FakeProcess(2));
    const [one, two, three] = gated('one', 'two', 'three');
    for (const child of [one, two, three]) child?.start();
    await two?.stop();
    expect(states.at(-1)).toEqual({ state: 'stopped' });
    first.emit('message', { type: 'ready' });
    expect(started()).toEqual([1, 2]);
    expect([one?.pid, two?.pid, three?.pid]).toEqual([1, undefined, 2]);
  });
});
