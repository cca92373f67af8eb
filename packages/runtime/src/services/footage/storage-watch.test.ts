import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FootageRig, footageRig } from '../../../test/support/footage.ts';
import { type StorageLook, StorageWatch } from './storage-watch.ts';

let rig: FootageRig;
beforeEach(() => {
  rig = footageRig();
});
afterEach(() => rig.remove());

const FINE: StorageLook = { device: 7, freeBytes: 1_000, freeFiles: true, empty: false };

/** A watch whose looks the test answers. */
function watched(known = 0): {
  readonly watch: StorageWatch;
  answer: () => Promise<StorageLook>;
  readonly writes: boolean[];
  usable: number;
  file: string | undefined;
} {
  const rigged = {
    answer: () => Promise.resolve(FINE),
    writes: [] as boolean[],
    usable: 0,
    file: undefined as string | undefined,
  };
  const look = (_: string, write: boolean): Promise<StorageLook> => {
    rigged.writes.push(write);
    return rigged.answer();
  };
  const onUsable = (): void => void (rigged.usable += 1);
  const of = { dir: '/rec', clock: rig.clock, log: rig.log, known: () => known, knownFile: () => rigged.file };
  return Object.assign(rigged, { watch: new StorageWatch({ ...of, onUsable, look }) });
}
const failing = (code: string) => () => Promise.reject(Object.assign(new Error(`${code}: it does`), { code }));

test('each fault has its reason and one sentence, and ends by itself', async () => {
  const rigged = watched();
  const { watch } = rigged;
  expect(watch.isUsable()).toBe(false);
  await watch.check();
  expect(watch.isUsable()).toBe(true);
  const faults = [
    [failing('EROFS'), 'read_only', '/rec can only be read: its disk is mounted read-only'],
    [failing('ENOENT'), 'unmounted', '/rec is gone: its disk is not mounted'],
    [failing('ENOSPC'), 'full', 'the disk of /rec is full'],
    [failing('EIO'), 'failed', '/rec cannot be used: EIO: it does'],
    [() => Promise.resolve({ ...FINE, freeFiles: false }), 'full', 'the file system of /rec takes no more files'],
    [
      () => Promise.resolve({ ...FINE, device: 8 }),
      'unmounted',
      '/rec is on another file system than at the start: its disk is not mounted',
    ],
  ] as const;
  for (const [answer, reason, message] of faults) {
    rig.lines.length = 0;
    rigged.answer = answer;
    await watch.check();
    await watch.check();
    expect(watch.trouble()).toEqual({ reason, message });
    rigged.answer = () => Promise.resolve(FINE);
    await watch.check();
    expect(watch.trouble()).toBeUndefined();
    expect(rig.lines).toEqual([`error ${message}`, 'info /rec can be used again']);
  }
  expect(rigged.usable).toBe(1 + faults.length);
});

test('a disk that hangs is slow after 2 s, is not asked again, and lets everything that waits go on', async () => {
  const rigged = watched();
  const { watch } = rigged;
  await watch.check();
  let wake: (look: StorageLook) => void = () => undefined;
  rigged.answer = () => new Promise((resolve) => (wake = resolve));
  const looking = watch.check();
  const short = watch.timed(() => new Promise<never>(() => undefined));
  const long = watch.whileUsable(() => new Promise<never>(() => undefined));
  const both = Promise.allSettled([short, long]);
  for (let second = 0; second < 4; second += 1) {
    expect(watch.trouble()?.reason).toBe(second > 2 ? 'slow' : undefined);
    void watch.check();
    rig.clock.advance(1_000);
  }
  void watch.check();
  expect(
    (await both).map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
  ).toEqual(['slow', 'slow']);
  expect(rigged.writes).toHaveLength(2);
  wake(FINE);
  await looking;
  // The other operation hangs still.
  expect(watch.trouble()?.reason).toBe('slow');
});

test('a slow disk that answers is usable again', async () => {
  const rigged = watched();
  const { watch } = rigged;
  await watch.check();
  let wake: (look: StorageLook) => void = () => undefined;
  rigged.answer = () => new Promise((resolve) => (wake = resolve));
  const looking = watch.check();
  rig.clock.advance(2_001);
  void watch.check();
  expect(rig.lines).toEqual(['error /rec has not answered for 2 s: its disk is slow or hangs']);
  wake(FINE);
  await looking;
  expect(watch.isUsable()).toBe(true);
  expect(rigged.usable).toBe(2);
  expect(rig.lines.at(-1)).toBe('info /rec can be used again');
});

test('writing is tried with every fifth look, and with each one while there is trouble', async () => {
  const rigged = watched();
  for (let i = 0; i < 6; i += 1) await rigged.watch.check();
  rigged.answer = failing('EROFS');
  for (let i = 0; i < 3; i += 1) await rigged.watch.check();
  expect(rigged.writes).toEqual([true, false, false, false, false, true, false, true, true]);
  rigged.answer = failing('ENOENT');
  for (let i = 0; i < 7; i += 1) await rigged.watch.check();
  // Not where a disk is missing.
  expect(rigged.writes.slice(10)).toEqual(Array(6).fill(false));
});

test('an empty directory that should have recordings is a disk that is not mounted, until a rebuild takes it as it is', async () => {
  const rigged = watched(12);
  const { watch } = rigged;
  rigged.answer = () => Promise.resolve({ ...FINE, empty: true });
  await watch.check();
  expect(watch.trouble()).toEqual({
    reason: 'unmounted',
    message: '/rec is empty, but 12 recordings are known in it: its disk is not mounted',
  });
  expect(await watch.isPresent()).toBe(false);
  await watch.accept();
  expect(watch.isUsable()).toBe(true);
  expect(watch.device).toBe(7);
});

test('a disk that comes back as another device is recognised by a recording on it', async () => {
  const rigged = watched(1);
  const { watch } = rigged;
  await watch.check();
  rigged.answer = () => Promise.resolve({ ...FINE, device: 8 });
  for (const [file, device] of [
    [undefined, 7],
    [join(rig.root, 'recording.mp4'), 7],
    [rig.root, 8],
  ] as const) {
    rigged.file = file;
    await watch.check();
    expect(watch.trouble()?.reason).toBe(device === 7 ? 'unmounted' : undefined);
    expect(watch.device).toBe(device);
  }
});

test('a real directory: free bytes, what vanishes, and what comes back', async () => {
  const dir = rig.dirs[0];
  const nothing = { known: () => 0, knownFile: () => undefined, onUsable: () => undefined };
  const watch = new StorageWatch({ dir, clock: rig.clock, log: rig.log, ...nothing });
  await watch.check();
  expect(watch.isUsable()).toBe(true);
  expect(watch.freeBytes).toBeGreaterThan(0);
  expect(await watch.isPresent()).toBe(true);
  expect(readdirSync(dir)).toEqual(['vigia-footage.probe']);
  renameSync(dir, join(rig.root, 'away'));
  await watch.check();
  expect(watch.trouble()?.reason).toBe('unmounted');
  expect(await watch.isPresent()).toBe(false);
  mkdirSync(dir);
  await watch.check();
  expect(watch.isUsable()).toBe(true);
  rmSync(dir, { recursive: true });
});
