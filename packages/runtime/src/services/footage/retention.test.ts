import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { footagePath } from '#core/footage';
import type { CameraKeep, FootageLimits } from '#core/footage-link';
import { filesBelow, type FootageRig, footageRig, NOON_MS } from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { headroomOf } from './headroom.ts';
import { Mover } from './mover.ts';
import { Retention, type RetentionDir } from './retention.ts';
import { SegmentFiles } from './segment-files.ts';

const MIB = 1024 * 1024;
const DAY = 86_400_000;
const MINUTE = 60_000;
const KEEP: CameraKeep = { keepMs: null, keepEventsMs: null, maxBytes: null, maxEventBytes: null };
const UNLIMITED: FootageLimits = { maxBytes: null, minFreeBytes: 0, cameras: {} };

let rig: FootageRig;
let index: FootageIndex;
let files: SegmentFiles;
let mover: Mover;
/** What the watches of the directories say. */
let disks: { freeBytes: number; device: number; usable: boolean }[];
beforeEach(() => {
  rig = footageRig();
  const { dirs, log, database } = rig;
  index = new FootageIndex({ path: database, dirs, log, onEmptied: () => undefined });
  files = new SegmentFiles(index, log, () => Promise.resolve(true));
  mover = new Mover({ files, log });
  disks = dirs.map((_, i) => ({ freeBytes: 1e15, device: i + 1, usable: true }));
});
afterEach(() => {
  index.close();
  rig.remove();
});

interface Part {
  readonly camera?: string;
  readonly startMs?: number;
  readonly bytes?: number;
  readonly event?: boolean;
  readonly closed?: boolean;
  readonly dir?: number;
}

/** A segment of a minute: a row, and a real file of one byte unless `bytes` is small. */
function add(order: number, part: Part = {}): void {
  const { camera = 'hall', startMs = NOON_MS - DAY + order * MINUTE, bytes = MIB, event = false } = part;
  const dir = rig.dirs[part.dir ?? 0]!;
  const path = footagePath({ camera, order, startMs, event });
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  closeSync(openSync(join(dir, path), 'w'));
  const state = { closed: part.closed ?? true, read: true, gap: null };
  index.put({ camera, order, dir, path, startMs, endMs: startMs + MINUTE, bytes, event, ...state });
}

function retention(limits: Partial<FootageLimits>, maxBytes: readonly (number | null)[] = [null], rate = 0): Retention {
  const { clock, log } = rig;
  const dirs: RetentionDir[] = maxBytes.map((most, i) => ({
    path: rig.dirs[i]!,
    maxBytes: most,
    watch: {
      get freeBytes() {
        return disks[i]!.freeBytes;
      },
      get device() {
        return disks[i]!.device;
      },
      isUsable: () => disks[i]!.usable,
      timed: (work) => work(),
    },
  }));
  return new Retention({ limits: { ...UNLIMITED, ...limits }, dirs, files, mover, clock, log, rateOf: () => rate });
}
const left = (camera = 'hall'): number[] =>
  Array.from({ length: 40 }, (_, i) => i + 1).filter((order) => index.get(camera, order));

test('room is kept for what recorders write: their rate in full, the least as far as a budget allows', () => {
  expect(headroomOf([0, 0], null)).toBe(128 * MIB);
  expect(headroomOf([20 * MIB, 0], null)).toBe(264 * MIB);
  expect(headroomOf([0, 0], 100 * MIB)).toBe(25 * MIB);
  expect(headroomOf([20 * MIB], 100 * MIB)).toBe(200 * MIB);
  expect(headroomOf([], 100 * MIB)).toBe(0);
});

test('age: each kind of each camera by its own limit; a day that is empty goes too', async () => {
  add(1, { startMs: NOON_MS - 10 * DAY });
  add(2, { startMs: NOON_MS - 10 * DAY + MINUTE, event: true });
  add(3, { startMs: NOON_MS - DAY - MINUTE });
  add(4, { startMs: NOON_MS - DAY - MINUTE + 1 });
  add(1, { camera: 'door', startMs: NOON_MS - 10 * DAY });
  add(5, { startMs: NOON_MS - 9 * DAY, closed: false });
  const keep = retention({ cameras: { hall: { ...KEEP, keepMs: DAY, keepEventsMs: 20 * DAY } } });
  await keep.check();
  // The third ends a day ago and not before.
  expect(left()).toEqual([2, 3, 4, 5]);
  rig.clock.advance(1);
  await keep.check();
  expect(left()).toEqual([2, 4, 5]);
  expect(left('door')).toEqual([1]);
  expect(keep.removed).toEqual({ segments: 2, bytes: 2 * MIB, errors: 0 });
  keep.setLimits({ ...UNLIMITED, cameras: { hall: { ...KEEP, keepEventsMs: DAY } } });
  await keep.check();
  expect(left()).toEqual([4, 5]);
  expect(filesBelow(rig.dirs[0])).toHaveLength(3);
  expect(statSync(join(rig.dirs[0], 'hall/2026-11-13'), { throwIfNoEntry: false })).toBeUndefined();
});

test('a clock that jumps removes nothing for its age, for ten minutes', async () => {
  add(1);
  let offsetMs = 0;
  const { clock } = rig;
  rig = {
    ...rig,
    clock: Object.assign(Object.create(clock), { wallMs: () => clock.wallMs() + offsetMs, nowMs: () => clock.nowMs() }),
  };
  const keep = retention({ cameras: { hall: { ...KEEP, keepMs: 30 * DAY } } });
  await keep.check();
  offsetMs = 3650 * DAY;
  await keep.check();
  expect(left()).toEqual([1]);
  expect(rig.lines).toEqual([
    'warn the clock jumped by more than an hour: no recording is removed for its age in the next 10 minutes',
  ]);
  clock.advance(10 * MINUTE);
  await keep.check();
  expect(left()).toEqual([]);
});

test('bytes of a camera: each kind has its limit, and room for what comes is part of it', async () => {
  for (let order = 1; order <= 10; order += 1) add(order, { event: order % 2 === 0 });
  for (let order = 1; order <= 4; order += 1) add(order, { camera: 'door' });
  // A quarter of 4 MiB is kept free for what is written next; events are not written, but marked.
  const limits = { ...KEEP, maxBytes: 4 * MIB, maxEventBytes: 3 * MIB };
  const keep = retention({ cameras: { hall: limits } });
  await keep.check();
  expect(left()).toEqual([5, 6, 7, 8, 9, 10]);
  expect(left('door')).toEqual([1, 2, 3, 4]);
});

test('the budget of the node: the oldest plain footage of all cameras goes first, then the oldest of events', async () => {
  for (let order = 1; order <= 4; order += 1) add(order, { event: order === 1 });
  for (let order = 1; order <= 4; order += 1)
    add(order, { camera: 'door', startMs: NOON_MS - DAY / 2 + order * MINUTE });
  add(5, { camera: 'door', closed: false });
  const cameras = { hall: KEEP };
  const keep = retention({ maxBytes: 8 * MIB, cameras });
  await keep.check();
  expect([left(), left('door')]).toEqual([[1], [1, 2, 3, 4, 5]]);
  keep.setLimits({ ...UNLIMITED, maxBytes: 3 * MIB, cameras });
  await keep.check();
  expect([left(), left('door')]).toEqual([[1], [5]]);
  keep.setLimits({ ...UNLIMITED, maxBytes: 2 * MIB, cameras });
  await keep.check();
  expect([left(), left('door')]).toEqual([[], [5]]);
  expect(keep.fullness(rig.dirs[0])).toBeUndefined();
  // What is left is being written: that is never removed.
  keep.setLimits({ ...UNLIMITED, maxBytes: MIB, cameras });
  await keep.check();
  expect(left('door')).toEqual([5]);
  expect(keep.fullness(rig.dirs[0])).toBe('recordings take 1 of 1 MiB, and none of them can be removed');
  index.put({ ...index.get('door', 5)!, closed: true });
  await keep.check();
  expect(keep.fullness(rig.dirs[0])).toBeUndefined();
});

test('footage of events has half of the room: beyond that its oldest goes first, so that something of the last hour stays', async () => {
  for (let order = 1; order <= 12; order += 1) add(order, { event: order <= 8 });
  const keep = retention({ maxBytes: 10 * MIB });
  await keep.check();
  expect(left()).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  for (let order = 13; order <= 16; order += 1) add(order);
  await keep.check();
  // At half, plain footage goes as before.
  expect(left()).toEqual([4, 5, 6, 7, 8, 12, 13, 14, 15, 16]);
});

test('the rate of recorders counts in full', async () => {
  for (let order = 1; order <= 10; order += 1) add(order);
  await retention({ maxBytes: 10 * MIB, cameras: { hall: KEEP } }, [null], 0.6 * MIB).check();
  expect(left()).toEqual([7, 8, 9, 10]);
});

test('free bytes: only what is on that file system goes, no more than is missing, and again when it does not help', async () => {
  for (let order = 1; order <= 10; order += 1) add(order, { event: order <= 2 });
  add(1, { camera: 'door', dir: 1 });
  const keep = retention({ minFreeBytes: 100 * MIB }, [null, null]);
  // Recordings move on before they are removed; here the other disk is full.
  disks[1]!.freeBytes = 100 * MIB;
  disks[0]!.freeBytes = 97 * MIB;
  await keep.check();
  await keep.check();
  expect(left()).toEqual([1, 2, 6, 7, 8, 9, 10]);
  rig.clock.advance(5_000);
  await keep.check();
  expect(left()).toEqual([1, 2, 9, 10]);
  rig.clock.advance(5_000);
  await keep.check();
  expect(left()).toEqual([10]);
  expect(keep.fullness(rig.dirs[0])).toBeUndefined();
  rig.clock.advance(5_000);
  await keep.check();
  expect(left()).toEqual([]);
  expect(keep.fullness(rig.dirs[0])).toBe(
    `the disk of ${rig.dirs[0]} is full: 98 MiB are free, 100 MiB are needed: 100 MiB that must stay free, and 0 MiB for what is recorded next`,
  );
  expect(keep.fullness(rig.dirs[1])).toBeUndefined();
  expect(left('door')).toEqual([1]);
  disks[0]!.freeBytes = 200 * MIB;
  await keep.check();
  expect(keep.fullness(rig.dirs[0])).toBeUndefined();
});

test('a directory that is over its limit: its oldest move on; the last one removes', async () => {
  for (let order = 1; order <= 8; order += 1) add(order);
  for (let order = 1; order <= 3; order += 1) add(order, { camera: 'door', dir: 1 });
  const keep = retention({ cameras: { hall: KEEP } }, [4 * MIB, 4 * MIB]);
  for (let second = 0; second < 6; second += 1) {
    await keep.check();
    await mover.settled();
    expect(index.tally.ofDir(rig.dirs[1]).bytes).toBeLessThanOrEqual(4 * MIB);
  }
  expect(index.tally.ofDir(rig.dirs[0]).bytes).toBe(3 * MIB);
  expect(index.tally.ofDir(rig.dirs[1]).bytes).toBe(3 * MIB);
  expect([6, 7, 8].map((order) => index.get('hall', order)!.dir)).toEqual(Array(3).fill(rig.dirs[0]));
  expect(keep.removed.segments).toBe(5);
  // Without the second disk, the first one removes itself.
  disks[1]!.usable = false;
  for (let order = 11; order <= 14; order += 1) add(order);
  await keep.check();
  expect(index.tally.ofDir(rig.dirs[0]).bytes).toBe(3 * MIB);
  expect(index.tally.ofDir(rig.dirs[1]).bytes).toBe(3 * MIB);
});

test('files that cannot be removed are counted, said once, and do not stop the others', async () => {
  for (let order = 1; order <= 6; order += 1) add(order);
  for (const order of [1, 2]) {
    const path = join(rig.dirs[0], index.get('hall', order)!.path);
    rmSync(path);
    mkdirSync(path);
  }
  const keep = retention({ maxBytes: 4 * MIB });
  await keep.check();
  await keep.check();
  expect(left()).toEqual([1, 2, 5, 6]);
  expect(keep.removed).toEqual({ segments: 2, bytes: 2 * MIB, errors: 2 });
  expect(rig.lines.filter((line) => line.startsWith('error old recordings'))).toHaveLength(1);
  // They are tried again, a minute later.
  for (const order of [1, 2]) {
    const path = join(rig.dirs[0], index.get('hall', order)!.path);
    rmSync(path, { recursive: true });
    writeFileSync(path, '');
  }
  rig.clock.advance(MINUTE);
  keep.setLimits({ ...UNLIMITED, maxBytes: 2 * MIB });
  await keep.check();
  expect(left()).toEqual([5, 6]);
});

test('a segment that a recorder takes up again, or an event marks, while it waits for its removal stays', async () => {
  add(1);
  add(2);
  add(3);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const locks = [1, 2].map((order) => files.locked({ camera: 'hall', order }, () => held));
  const keep = retention({ cameras: { hall: { ...KEEP, maxBytes: MIB } } });
  const checking = keep.check();
  index.put({ ...index.get('hall', 1)!, closed: false });
  const marked = index.get('hall', 2)!;
  await files.rename(marked, marked.path.replace('.mp4', '.event.mp4'), true);
  release();
  await Promise.all([checking, ...locks]);
  expect(left()).toEqual([1, 2]);
  expect(filesBelow(rig.dirs[0])).toHaveLength(2);
});

// Measured beside other work on two cores, files in /tmp: about 3 s for the removal of 10,000 segments, 0.3 ms each.
test('10,000 segments: the budget is not exceeded at any check, and the newest stay', async () => {
  const [all, one] = [10_000, 10];
  index.batch(() => {
    for (let order = 1; order <= all; order += 1)
      add(order, {
        camera: `c${order % 8}`,
        startMs: NOON_MS - all * 1_000 + order * 1_000,
        bytes: one,
        event: order % 10 === 0,
      });
  });
  const cameras = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`c${i}`, KEEP]));
  const keep = retention({ maxBytes: all * one, cameras });
  for (let maxBytes = all * one; maxBytes >= 8 * one; maxBytes = Math.floor(maxBytes * 0.5)) {
    keep.setLimits({ ...UNLIMITED, maxBytes, cameras });
    await keep.check();
    const { bytes } = index.tally.all();
    expect(bytes).toBeLessThanOrEqual(maxBytes * 0.75);
    expect(bytes).toBeGreaterThan(maxBytes * 0.75 - one - 1);
  }
  const { segments } = index.tally.all();
  expect(filesBelow(rig.dirs[0])).toHaveLength(segments);
  const events = Math.floor(segments / 2);
  expect(index.tally.events().segments).toBe(events);
  expect(index.oldestMs()).toBe(NOON_MS - (events - 1) * 10_000);
  expect(keep.removed.segments).toBe(all - segments);
});
