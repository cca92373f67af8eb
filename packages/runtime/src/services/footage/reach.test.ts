import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { footagePath } from '#core/footage';
import type { FootageLimits } from '#core/footage-link';
import { type FootageRig, footageRig, NOON_MS } from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { commonSpan, type ReachDir, reachOf } from './reach.ts';

const MIB = 1024 * 1024;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KEEP = { keepMs: null, keepEventsMs: null, maxBytes: null, maxEventBytes: null };
const LIMITS: FootageLimits = { maxBytes: null, minFreeBytes: 0, cameras: { hall: KEEP } };

let rig: FootageRig;
let index: FootageIndex;
let order = 0;
beforeEach(() => {
  rig = footageRig();
  index = new FootageIndex({ path: join(rig.root, 'i.db'), dirs: rig.dirs, log: rig.log, onEmptied: () => undefined });
});
afterEach(() => {
  index.close();
  rig.remove();
});

/** A segment of a minute and a MiB a minute, which began so long before noon. */
function add(camera: string, beforeMs: number, event = false): void {
  order += 1;
  const startMs = NOON_MS - beforeMs;
  const path = footagePath({ camera, order, startMs, event });
  const state = { event, closed: true, read: true, gap: null };
  index.put({ camera, order, dir: rig.dirs[0]!, path, startMs, endMs: startMs + MINUTE, bytes: MIB, ...state });
}
function addFrom(camera: string, beforeMs: number, untilMs = 0): void {
  for (let ms = beforeMs; ms > untilMs; ms -= MINUTE) add(camera, ms);
}
const dir = (
  freeBytes: number,
  more: Partial<ReachDir['watch']> & { maxBytes?: number; at?: number } = {},
): ReachDir => {
  const { maxBytes = null, at = 0, ...watch } = more;
  return { path: rig.dirs[at]!, maxBytes, watch: { freeBytes, device: 0, isUsable: () => true, ...watch } };
};
const ofHall = (limits: Partial<FootageLimits>, dirs: readonly ReachDir[] = [dir(1e15)]): unknown =>
  reachOf(index, { ...LIMITS, ...limits }, dirs, NOON_MS)['hall'];

test('the room of all: the oldest goes first, and those with limits of their own leave theirs to the others', () => {
  const camera = (rate: number, limitMs = Infinity): { readonly rate: number; readonly limitMs: number } => ({
    rate,
    limitMs,
  });
  expect(commonSpan(100, [camera(1), camera(4)])).toBe(20);
  expect(commonSpan(100, [camera(4, 5), camera(1)])).toBe(80);
  expect(commonSpan(100, [camera(1), camera(4, 5)])).toBe(80);
  expect(commonSpan(100, [camera(4, 25), camera(1)])).toBe(20);
  expect(commonSpan(100, [camera(4, 5), camera(1, 80)])).toBe(80);
  expect(commonSpan(100, [camera(4, 5), camera(1, 79)])).toBe(Infinity);
  expect(commonSpan(-5, [camera(1)])).toBe(0);
  expect(commonSpan(100, [camera(0)])).toBe(Infinity);
});

test('a camera: the age of its oldest footage, and its own limits at its rate', () => {
  expect(ofHall({})).toEqual({ keptMs: null, roomMs: null });
  addFrom('hall', 2 * HOUR);
  expect(ofHall({})).toMatchObject({ keptMs: 2 * HOUR });
  expect(ofHall({ cameras: { hall: { ...KEEP, keepMs: DAY } } })).toEqual({ keptMs: 2 * HOUR, roomMs: DAY });
  expect(ofHall({ cameras: { hall: { ...KEEP, maxBytes: 300 * MIB } } })).toEqual({
    keptMs: 2 * HOUR,
    roomMs: 5 * HOUR,
  });
});

test('a rate is that of ten minutes at least, and of a day at most', () => {
  const own = { cameras: { hall: { ...KEEP, maxBytes: 600 * MIB } } };
  addFrom('hall', 9 * MINUTE);
  expect(ofHall(own)).toEqual({ keptMs: 9 * MINUTE, roomMs: null });
  add('hall', 10 * MINUTE);
  expect(ofHall(own)).toEqual({ keptMs: 10 * MINUTE, roomMs: 10 * HOUR });
  // Half of the day is recorded, and what is older does not count.
  addFrom('hall', 3 * DAY, 2 * DAY);
  addFrom('hall', 12 * HOUR, 10 * MINUTE);
  expect(ofHall(own)).toEqual({ keptMs: 3 * DAY, roomMs: 20 * HOUR });
});

test('events that outlive the footage around them do not make the rate smaller', () => {
  add('hall', 20 * HOUR, true);
  addFrom('hall', HOUR);
  expect(ofHall({ cameras: { hall: { ...KEEP, maxBytes: 600 * MIB } } })).toEqual({
    keptMs: 20 * HOUR,
    roomMs: 10 * HOUR,
  });
});

test('room: of each disk once, less what must stay free and what is written next; of budgets; of disks that answer', () => {
  addFrom('hall', HOUR);
  const room = (limits: Partial<FootageLimits>, ...dirs: readonly ReachDir[]): number =>
    (ofHall(limits, dirs) as { roomMs: number }).roomMs / MINUTE;
  // 60 MiB are there, and 64 MiB are kept for what is written next.
  expect(room({}, dir(104 * MIB))).toBeCloseTo(100);
  expect(room({ minFreeBytes: 30 * MIB }, dir(104 * MIB))).toBeCloseTo(70);
  expect(room({}, dir(1), dir(104 * MIB, { at: 1, device: 1 }))).toBeCloseTo(40);
  expect(room({}, dir(104 * MIB), dir(104 * MIB, { at: 1 }))).toBeCloseTo(100);
  expect(room({}, dir(104 * MIB), dir(104 * MIB, { at: 1, device: 1, isUsable: () => false }))).toBeCloseTo(100);
  expect(room({}, dir(1e12, { maxBytes: 90 * MIB }))).toBeCloseTo(90);
  expect(room({ maxBytes: 80 * MIB }, dir(1e12, { maxBytes: 90 * MIB }))).toBeCloseTo(80);
});

test('cameras share: a new one counts as if it had recorded for ten minutes', () => {
  addFrom('hall', HOUR);
  addFrom('door', 5 * MINUTE);
  const cameras = { hall: KEEP, door: KEEP };
  const both = reachOf(index, { ...LIMITS, maxBytes: 90 * MIB, cameras }, [dir(1e15)], NOON_MS);
  expect(both['hall']!.roomMs! / MINUTE).toBeCloseTo(60);
  expect(both['door']).toEqual({ keptMs: 5 * MINUTE, roomMs: null });
});
