import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileLock, VigiaError } from '@vigia/base';
import { type FootageRig, footageRig } from '../../../test/support/footage.ts';
import { LOCK_NAME, lockDirectory } from './directory-lock.ts';
import { type StorageLook, StorageWatch } from './storage-watch.ts';

let rig: FootageRig;
beforeEach(() => {
  rig = footageRig();
});
afterEach(() => rig.remove());

test('a directory belongs to one node at a time, and the other one is named', () => {
  const [dir] = rig.dirs;
  const lock = lockDirectory(dir, 'roof');
  expect(() => lockDirectory(dir, 'cellar')).toThrow(
    `another node (roof) records into ${dir}: a directory belongs to one node`,
  );
  lock?.release();
  expect(existsSync(join(dir, LOCK_NAME))).toBe(false);
  const next = lockDirectory(dir, 'cellar');
  expect(next).toBeDefined();
  next?.release();
});

test('a watch holds its directory while it can be used or is full, and not when its disk may be unmounted', async () => {
  const fine: StorageLook = { device: 7, freeBytes: 1_000, freeFiles: true, empty: false };
  let look: () => Promise<StorageLook> = () => Promise.resolve(fine);
  let isFree = false;
  const log: string[] = [];
  const lock = (): FileLock => {
    if (!isFree) throw new VigiaError('in_use', 'another node (roof) records into it');
    log.push('taken');
    return { release: () => void log.push('released') };
  };
  const { clock, log: rigLog } = rig;
  const onUsable = (): void => void log.push('usable');
  const options = {
    dir: '/rec',
    clock,
    log: rigLog,
    known: () => 0,
    knownFile: () => undefined,
    onUsable,
    look: () => look(),
    lock,
  };
  const watch = new StorageWatch(options);
  await watch.check();
  expect(watch.isUsable()).toBe(false);
  expect(watch.trouble()).toEqual({ reason: 'failed', message: 'another node (roof) records into it' });
  isFree = true;
  await watch.check();
  expect(watch.isUsable()).toBe(true);
  await watch.check();
  look = () => Promise.resolve({ ...fine, freeFiles: false });
  await watch.check();
  expect(watch.trouble()?.reason).toBe('full');
  expect(log).toEqual(['taken', 'usable']);
  look = () => Promise.reject(Object.assign(new Error('it is'), { code: 'EROFS' }));
  await watch.check();
  expect(log).toEqual(['taken', 'usable', 'released']);
  look = () => Promise.resolve(fine);
  await watch.check();
  watch.release();
  watch.release();
  expect(log).toEqual(['taken', 'usable', 'released', 'taken', 'usable', 'released']);
});
