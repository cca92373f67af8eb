import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FootageCounters, FootageSetup, RoomNotice } from '#core/footage-link';
import type { StorageLook } from '#services/footage';
import { filesBelow, type FootageRig, footageRig, NOON_MS, writeSegment } from '../../test/support/footage.ts';
import { Footage, type FootageOptions } from './footage.ts';

const MIB = 1024 * 1024;
const KEEP = { keepMs: null, keepEventsMs: null, maxBytes: null, maxEventBytes: null };

let rig: FootageRig;
let looks: Map<string, () => Promise<StorageLook>>;
let rooms: RoomNotice[];
let counters: FootageCounters[];
let opened: Footage[];
beforeEach(() => {
  rig = footageRig();
  rooms = [];
  counters = [];
  opened = [];
  looks = new Map(rig.dirs.map((dir, i) => [dir, () => Promise.resolve(fine(i))]));
});
afterEach(async () => {
  for (const footage of opened) await footage.close();
  expect(rig.clock.pendingTimers).toBe(0);
  rig.remove();
});

function fine(device: number, freeBytes = 1_000_000 * MIB): StorageLook {
  return { device, freeBytes, freeFiles: true, empty: false };
}

async function start(setup: Partial<FootageSetup> = {}, more: Partial<FootageOptions> = {}): Promise<Footage> {
  const { root, dirs, clock, log } = rig;
  const limits = { maxBytes: null, minFreeBytes: 100 * MIB, cameras: { hall: KEEP } };
  const place = {
    node: 'n',
    version: '1',
    boot: 'b',
    stateDir: join(root, 'state'),
    socketPath: join(root, 'play.sock'),
  };
  const all = { ...limits, ...place, dirs: dirs.map((path) => ({ path, maxBytes: null })), ...setup };
  const notify = (name: string, notice: unknown): boolean => {
    if (name === 'room') rooms.push(notice as RoomNotice);
    else counters.push(notice as FootageCounters);
    return true;
  };
  const look = (dir: string): Promise<StorageLook> => looks.get(dir)!();
  const footage = new Footage({ setup: all, toNode: { notify }, clock, log, look, ...more });
  opened.push(footage);
  await footage.start();
  return footage;
}

/** Lets what was begun end, a second later. */
async function second(times = 1): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    rig.clock.advance(1_000);
    await idle();
  }
}
/** What was asked of the file system before is answered before: its threads take one after the other. */
async function idle(): Promise<void> {
  for (let i = 0; i < 100; i += 1) await stat(rig.root);
}
const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));

test('room and counters are repeated every second, and nothing after closing', async () => {
  const footage = await start();
  await second(3);
  const before = rooms.length;
  await second(2);
  expect(rooms).toHaveLength(before + 2);
  expect(new Set(rooms.map((room) => JSON.stringify(room)))).toEqual(
    new Set([JSON.stringify({ dir: rig.dirs[0], reason: null, message: null })]),
  );
  expect(counters.at(-1)).toEqual({
    segments: 0,
    bytes: 0,
    eventBytes: 0,
    freeBytes: 1_000_000 * MIB,
    deletedSegments: 0,
    deletedBytes: 0,
    lostSegments: 0,
    hiddenSegments: 0,
    lostResults: 0,
    oldestMs: null,
    cameras: { hall: { keptMs: null, roomMs: null } },
  });
  const said = counters.length;
  await second(2);
  expect(counters).toHaveLength(said + 2);
  await footage.close();
  await second(2);
  expect(counters).toHaveLength(said + 2);
});

test('recorders go on in the next directory while the first one fails, and come back', async () => {
  const [fast, large] = rig.dirs;
  await start();
  await second();
  const faults = [
    ['EROFS', 'read_only'],
    ['ENOENT', 'unmounted'],
    ['EIO', 'failed'],
    ['ENOSPC', 'full'],
  ] as const;
  for (const [code, reason] of faults) {
    looks.set(fast, failing(code));
    await second(2);
    expect(rooms.at(-1)).toMatchObject({ dir: large, reason, message: expect.stringContaining(fast) as string });
    looks.set(fast, () => Promise.resolve(fine(0)));
    await second(2);
    expect(rooms.at(-1)).toEqual({ dir: fast, reason: null, message: null });
  }
  looks.set(fast, failing('EROFS'));
  looks.set(large, failing('EIO'));
  await second(2);
  expect(rooms.at(-1)).toMatchObject({ dir: null, reason: 'read_only' });
});

test('a disk that hangs, from the start too: it is slow, and does not keep recorders from the other one', async () => {
  const [fast, large] = rig.dirs;
  let wake: (look: StorageLook) => void = () => undefined;
  looks.set(fast, () => new Promise((resolve) => (wake = resolve)));
  await start();
  await second(2);
  expect(rooms).toEqual([]);
  await second(2);
  expect(rooms.at(-1)).toMatchObject({ dir: large, reason: 'slow' });
  wake(fine(0));
  looks.set(fast, () => Promise.resolve(fine(0)));
  await second(2);
  expect(rooms.at(-1)).toEqual({ dir: fast, reason: null, message: null });
});

test.each([true, false])('budgets are enforced before anybody may write (index lost: %s)', async (lost) => {
  for (let order = 1; order <= 20; order += 1)
    writeSegment(rig.dirs[0], { camera: 'hall', order, startMs: NOON_MS - 90_000 + order * 2_000 });
  if (!lost) {
    const before = await start();
    await second(2);
    await before.close();
    expect(counters.at(-1)!.segments).toBe(20);
    rooms.length = 0;
  }
  await start({ maxBytes: 1 });
  for (let i = 0; rooms.length === 0 && i < 100; i += 1) await second();
  expect(filesBelow(rig.dirs[0])).toEqual([]);
  expect(rooms).toEqual([{ dir: rig.dirs[0], reason: null, message: null }]);
  // The index forgets the last one a moment after its file is gone.
  for (let i = 0; counters.at(-1)?.segments !== 0 && i < 100; i += 1) await second();
  expect(counters.at(-1)).toMatchObject({ segments: 0, deletedSegments: 20, oldestMs: null });
});

test('how far footage goes back is measured once a minute, and when limits change', async () => {
  writeSegment(rig.dirs[0], { camera: 'hall', order: 1, startMs: NOON_MS - 3_600_000 });
  const footage = await start();
  const kept = (): unknown => counters.at(-1)?.cameras['hall'];
  for (let i = 0; counters.at(-1)?.segments !== 1 && i < 100; i += 1) await second();
  await second(2);
  const { keptMs } = kept() as { keptMs: number };
  expect(Math.abs(rig.clock.wallMs() - NOON_MS + 3_600_000 - keptMs)).toBeLessThan(5_000);
  await second(50);
  expect(kept()).toMatchObject({ keptMs, roomMs: expect.any(Number) as number });
  footage.setLimits({ maxBytes: null, minFreeBytes: 0, cameras: { hall: { ...KEEP, keepMs: 7_200_000 } } });
  await second(2);
  expect(kept()).toMatchObject({ keptMs: expect.toSatisfy((ms: number) => ms > keptMs) as number, roomMs: 7_200_000 });
  await second(70);
  expect(kept()).toMatchObject({ keptMs: expect.toSatisfy((ms: number) => ms > keptMs + 60_000) as number });
});

test('a segment that is written is not removed: there is no room, until it is closed', async () => {
  const path = writeSegment(rig.dirs[0], { camera: 'hall', order: 1, startMs: NOON_MS - 2_000 });
  const footage = await start({ maxBytes: 1 });
  await footage.written({ camera: 'hall', path, closed: false });
  await second(2);
  expect(rooms.at(-1)).toMatchObject({ dir: null, reason: 'full' });
  expect(filesBelow(rig.dirs[0])).toHaveLength(1);
  await footage.written({ camera: 'hall', path, closed: true });
  await second(2);
  expect(filesBelow(rig.dirs[0])).toEqual([]);
  // What it wrote in a second does not fit into this budget: while that is recent, there is no room.
  await second(60);
  expect(rooms.at(-1)).toEqual({ dir: rig.dirs[0], reason: null, message: null });
});

test('an empty directory that had recordings is not made, not used and loses nothing, until a rebuild', async () => {
  const [fast, large] = rig.dirs;
  writeSegment(fast, { camera: 'hall', order: 1, startMs: NOON_MS - 60_000 });
  const first = await start();
  await second(2);
  expect(counters.at(-1)!.segments).toBe(1);
  await first.close();
  rmSync(join(fast, 'hall'), { recursive: true });
  looks.set(fast, () => Promise.resolve({ ...fine(0), empty: true }));
  const footage = await start();
  await second(3);
  expect(rooms.at(-1)).toMatchObject({ dir: large, reason: 'unmounted' });
  expect(counters.at(-1)).toMatchObject({ segments: 1, lostSegments: 0 });
  const { segments, removed } = await footage.rebuild();
  // The device of the fake is not that of the folder: what is gone is lost only where the folder is the right one.
  expect([segments, removed]).toEqual([1, 0]);
  await second();
  expect(rooms.at(-1)).toMatchObject({ dir: fast });
});

test('results are written where recorders write, count in the budget, and go with their footage', async () => {
  const [fast, large] = rig.dirs;
  const hourMs = NOON_MS - 5 * 3_600_000;
  writeSegment(fast, { camera: 'hall', order: 1, startMs: hourMs });
  const footage = await start();
  footage.results({ camera: 'hall', hourMs, lines: 'before\n' });
  await second(5);
  const { bytes } = counters.at(-1)!;
  footage.results({ camera: 'hall', hourMs, lines: 'more\n' });
  await second(2);
  expect(counters.at(-1)).toMatchObject({ bytes: bytes + 5, lostResults: 0 });
  const path = 'hall/2026-11-23/070000000.results.jsonl';
  expect(readFileSync(join(fast, path), 'utf8')).toBe('before\nmore\n');
  // Where nobody may write, nothing is written. The disk that is away keeps its own.
  for (const dir of rig.dirs) looks.set(dir, failing('EIO'));
  await second(2);
  footage.results({ camera: 'hall', hourMs, lines: 'lost\nlost\n' });
  await second(2);
  expect(counters.at(-1)).toMatchObject({ lostResults: 2 });
  looks.set(fast, () => Promise.resolve(fine(0)));
  footage.setLimits({ maxBytes: 1, minFreeBytes: 0, cameras: { hall: KEEP } });
  await second(5);
  // Footage of that hour could be in the other directory.
  expect([filesBelow(fast), counters.at(-1)?.segments]).toEqual([[path], 0]);
  looks.set(large, () => Promise.resolve(fine(1)));
  await second(5);
  expect([filesBelow(fast), counters.at(-1)?.bytes]).toEqual([[], 0]);
});

test('results stay while the recordings of a directory cannot be listed', async () => {
  const [fast, large] = rig.dirs;
  const file = join(fast, 'hall/2026-11-20/110000000.results.jsonl');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '{}\n');
  rmSync(large, { recursive: true });
  // A folder that is missing would be made.
  writeFileSync(large, '');
  await start();
  await second(5);
  expect(filesBelow(fast)).toHaveLength(1);
  rmSync(large);
  mkdirSync(large);
  await second(65);
  expect(filesBelow(fast)).toEqual([]);
});

test('results that count take room from footage, with a budget of the node', async () => {
  const newest = NOON_MS - 60_000;
  const paths = [1, 2].map((order) =>
    writeSegment(rig.dirs[0], { camera: 'hall', order, startMs: newest - 60_000 + order * 2_000 }),
  );
  const [size] = paths.map((path) => statSync(path).size) as [number];
  const file = join(rig.dirs[0], 'hall/2026-11-23/110000000.results.jsonl');
  writeFileSync(file, `${'x'.repeat(99)}\n`);
  await start({ maxBytes: 2 * size + 50 });
  await second(5);
  expect(counters.at(-1)).toMatchObject({ segments: 1 });
  expect(filesBelow(rig.dirs[0])).toContain('hall/2026-11-23/110000000.results.jsonl');
});

test('playback is started with the view of the index, and closed', async () => {
  writeSegment(rig.dirs[1], { camera: 'hall', order: 1, startMs: NOON_MS - 60_000 });
  const steps: string[] = [];
  let pieces = (): number => 0;
  const footage = await start(
    {},
    {
      openPlayback: (view, socketPath) => {
        steps.push(socketPath);
        pieces = () => view.pieces('hall', 0, 1e14).length;
        return Promise.resolve(() => Promise.resolve(void steps.push('closed')));
      },
    },
  );
  await second(2);
  expect(pieces()).toBe(1);
  expect(await footage.spans({ camera: null, fromMs: 0, toMs: 1e14 })).toEqual({
    cameras: { hall: { spans: [{ from_ms: NOON_MS - 60_000, to_ms: NOON_MS - 58_000, event: false }], gaps: [] } },
  });
  expect(await footage.spans({ camera: 'door', fromMs: 0, toMs: 1e14 })).toEqual({
    cameras: { door: { spans: [], gaps: [] } },
  });
  await footage.close();
  expect(steps).toEqual([join(rig.root, 'play.sock'), 'closed']);
});
