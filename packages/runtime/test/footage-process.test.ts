import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Channel, type Handlers, ipcPort, systemClock } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  FOOTAGE_WORDS,
  type FootageCounters,
  type FootageLimits,
  type FootageSetup,
  type FootageWords,
  NODE_FOOTAGE_WORDS,
  type NodeFootageWords,
  type RoomNotice,
} from '#core/footage-link';
import { type FootageRig, footageRig, segmentBytes, writeSegment } from './support/footage.ts';

const ENTRY = fileURLToPath(import.meta.resolve('@vigia/runtime/dist/footage/footage-process.js'));
const KEEP = { keepMs: null, keepEventsMs: null, maxBytes: null, maxEventBytes: null };
const LIMITS: FootageLimits = { maxBytes: null, minFreeBytes: 0, cameras: { hall: KEEP } };

let rig: FootageRig;
let running: FootageChild[];
beforeEach(() => {
  rig = footageRig();
  running = [];
});
afterEach(async () => {
  for (const child of running) await child.kill();
  rig.remove();
});

/** A footage process, and what it says. */
class FootageChild {
  readonly process: ChildProcess;
  readonly channel: Channel<NodeFootageWords, FootageWords>;
  readonly problems: string[] = [];
  stderr = '';
  #room: ((room: RoomNotice) => void)[] = [];
  #counters: ((counters: FootageCounters) => void)[] = [];

  constructor() {
    this.process = fork(ENTRY, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    this.process.stderr?.on('data', (text) => (this.stderr += String(text)));
    const handlers: Handlers<FootageWords> = {
      requests: { events: () => ({ events: [] }) },
      notices: {
        room: (room) => this.#room.splice(0).forEach((resolve) => resolve(room)),
        counters: (counters) => this.#counters.splice(0).forEach((resolve) => resolve(counters)),
      },
    };
    const port = ipcPort(this.process);
    const words = { speaks: NODE_FOOTAGE_WORDS, hears: FOOTAGE_WORDS, handlers };
    const onProblem = (problem: Error): void => void this.problems.push(problem.message);
    this.channel = new Channel({ peer: 'footage', port, clock: systemClock, ...words, onProblem });
    this.process.on('message', (message) => {
      if ((message as { readonly type: string }).type !== 'ready') this.channel.receive(message);
    });
    running.push(this);
  }

  setUp(setup: Partial<FootageSetup> = {}): Promise<null> {
    const { dirs, root } = rig;
    const place = {
      node: 'n',
      version: '1',
      boot: 'b',
      stateDir: join(root, 'state'),
      socketPath: join(root, 'play.sock'),
    };
    const all = { ...LIMITS, ...place, dirs: [{ path: dirs[0], maxBytes: null }], ...setup };
    return this.channel.request('setup', all, { deadlineMs: 20_000 });
  }

  room(): Promise<RoomNotice> {
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** The first counters that fit. */
  async counters(fits: (counters: FootageCounters) => boolean): Promise<FootageCounters> {
    for (;;) {
      const counters = await new Promise<FootageCounters>((resolve) => this.#counters.push(resolve));
      if (fits(counters)) return counters;
    }
  }

  async spans(): Promise<readonly (readonly [number, number, boolean])[]> {
    const ask = { camera: 'hall', fromMs: 0, toMs: 8e15 };
    const { cameras } = await this.channel.request('spans', ask, { deadlineMs: 20_000 });
    return cameras['hall']!.spans.map((span) => [span.from_ms, span.to_ms, span.event]);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}

test('a recording grows, is marked and closed; a killed process finds everything again from the files', async () => {
  const child = new FootageChild();
  await child.setUp();
  expect(await child.room()).toEqual({ dir: rig.dirs[0], reason: null, message: null });

  const start = systemClock.wallMs() - 60_000;
  const segment = { camera: 'hall', order: 1, startMs: start, seconds: 4 };
  const bytes = segmentBytes(segment);
  const path = writeSegment(rig.dirs[0], segment);
  truncateSync(path, Math.floor(bytes.byteLength * 0.6));
  child.channel.notify('written', { camera: 'hall', path, closed: false });
  const grown = await child.counters(({ segments }) => segments === 1);
  const [from, to] = (await child.spans())[0]!;
  expect(from).toBe(start);
  expect(to).toBeGreaterThan(start + 1_000);
  expect(to).toBeLessThan(start + 4_000);
  expect(grown.eventBytes).toBe(0);

  const mark = { camera: 'hall', fromMs: start, toMs: start + 500, alarm: 'hall/person-1' };
  child.channel.notify('mark', mark);
  await child.counters(({ eventBytes }) => eventBytes > 0);
  // It was none, and then there was another one.
  child.channel.notify('unmark', { camera: 'hall', alarm: 'hall/person-1', atMs: start });
  await child.counters(({ eventBytes }) => eventBytes === 0);
  expect(existsSync(path)).toBe(true);
  child.channel.notify('mark', { ...mark, alarm: null });
  await child.counters(({ eventBytes }) => eventBytes > 0);
  const renamed = path.replace('.mp4', '.event.mp4');
  expect(existsSync(renamed)).toBe(true);
  expect(existsSync(path)).toBe(false);
  // The recorder goes on by its descriptor, and with the name that it knows.
  appendFileSync(renamed, bytes.subarray(Math.floor(bytes.byteLength * 0.6)));
  child.channel.notify('written', { camera: 'hall', path, closed: true });
  await child.counters((counters) => counters.bytes === bytes.byteLength);
  expect(await child.spans()).toEqual([[start, start + 4_000, true]]);
  child.channel.notify('gap', { camera: 'hall', sinceMs: start + 4_000, reason: 'camera_away' });
  await child.kill();

  // Recording has gone on meanwhile, and the index is gone.
  for (const name of readdirSync(join(rig.root, 'state'))) rmSync(join(rig.root, 'state', name));
  writeSegment(rig.dirs[0], { camera: 'hall', order: 2, startMs: start + 4_000 });
  const next = new FootageChild();
  await next.setUp();
  expect((await next.room()).dir).toBe(rig.dirs[0]);
  await next.counters(({ segments }) => segments === 2);
  const rebuilt = await next.channel.request('rebuild', null, { deadlineMs: 20_000 });
  expect(rebuilt).toMatchObject({ segments: 2, removed: 0 });
  expect(await next.spans()).toEqual([[start, start + 6_000, true]]);
  expect([...child.problems, ...next.problems]).toEqual([]);
  next.process.send({ type: 'stop' });
  expect(await once(next.process, 'exit')).toEqual([0, null]);
});

test('a retention that changes is kept from the next check on; the process ends with its parent', async () => {
  const start = systemClock.wallMs() - 3_600_000;
  for (let order = 1; order <= 3; order += 1)
    writeSegment(rig.dirs[0], { camera: 'hall', order, startMs: start + order * 2_000 });
  const child = new FootageChild();
  await child.setUp();
  await child.counters(({ segments, oldestMs }) => segments === 3 && oldestMs === start + 2_000);
  const cameras = { hall: { ...KEEP, keepMs: 3_600_000 - 60_000 } };
  await child.channel.request('retention', { ...LIMITS, cameras }, { deadlineMs: 20_000 });
  const { deletedSegments } = await child.counters(({ segments }) => segments === 1);
  // The newest one may be growing.
  expect(deletedSegments).toBe(2);
  child.process.disconnect();
  expect(await once(child.process, 'exit')).toEqual([0, null]);
});

test('a setup that cannot be used is refused with a sentence; a directory that cannot be made is reported', async () => {
  const child = new FootageChild();
  await expect(child.setUp({ dirs: [] })).rejects.toMatchObject({ code: 'bad_request' });
  const file = join(rig.root, 'file');
  appendFileSync(file, 'x');
  await child.setUp({ dirs: [{ path: join(file, 'footage'), maxBytes: null }] });
  const room = await child.room();
  expect(room).toMatchObject({ dir: null, reason: 'unmounted' });
  expect(room.message).toContain(basename(file));
  await expect(child.setUp()).rejects.toMatchObject({ code: 'start_failed' });
  expect(readFileSync(file, 'utf8')).toBe('x');
});
