import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { footagePath, resultPath } from '#core/footage';
import { filesBelow, type FootageRig, footageRig, NOON_MS } from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { ResultFiles, type ResultFilesOptions } from './result-files.ts';
import { Scanner } from './scanner.ts';
import { SegmentFiles } from './segment-files.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let rig: FootageRig;
let index: FootageIndex;
let dir: string | null | undefined;
beforeEach(() => {
  rig = footageRig();
  index = openIndex();
  [dir] = rig.dirs;
});
afterEach(() => {
  index.close();
  rig.remove();
});

function openIndex(): FootageIndex {
  const { dirs, log, database } = rig;
  return new FootageIndex({ path: database, dirs, log, onEmptied: () => undefined });
}

function open(more: Partial<ResultFilesOptions> = {}): ResultFiles {
  const { clock, log } = rig;
  return new ResultFiles({ index, clock, log, dir: () => dir, timed: (_, work) => work(), ...more });
}

function scannerOf(): Scanner {
  const { dirs, log, clock } = rig;
  const files = new SegmentFiles(index, log, () => Promise.resolve(true));
  const whileUsable = <T>(_: string, work: () => Promise<T>): Promise<T> => work();
  return new Scanner({ dirs, files, clock, log, usable: () => true, whileUsable, moving: () => false });
}

const fileOf = (hourMs: number, camera = 'hall', at = 0): string => join(rig.dirs[at]!, resultPath({ camera, hourMs }));
const read = (hourMs: number, camera = 'hall', at = 0): string => readFileSync(fileOf(hourMs, camera, at), 'utf8');
function lay(hourMs: number, text = '{}\n', camera = 'hall', at = 0): void {
  mkdirSync(dirname(fileOf(hourMs, camera, at)), { recursive: true });
  writeFileSync(fileOf(hourMs, camera, at), text);
}
const settled = async (): Promise<void> => {
  for (let i = 0; i < 30; i += 1) await stat(rig.root);
};
/** A row of a segment of a minute. */
function segment(order: number, startMs: number): void {
  const path = footagePath({ camera: 'hall', order, startMs, event: false });
  const times = { startMs, endMs: startMs + 60_000, bytes: 1, gap: null };
  index.put({ camera: 'hall', order, dir: rig.dirs[0], path, event: false, closed: true, read: true, ...times });
}

test('lines are appended to the file of their hour and camera, and count', async () => {
  const files = open();
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'a\nb\n' });
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'c\n' });
  files.append({ camera: 'hall', hourMs: NOON_MS + HOUR, lines: 'd\n' });
  files.append({ camera: 'yard', hourMs: NOON_MS, lines: 'e\n' });
  await files.close();
  expect([read(NOON_MS), read(NOON_MS + HOUR), read(NOON_MS, 'yard')]).toEqual(['a\nb\nc\n', 'd\n', 'e\n']);
  expect([index.bytes(), index.bytesIn(rig.dirs[0]), index.bytesIn(rig.dirs[1])]).toEqual([10, 10, 0]);
  expect(index.resultFiles('hall', NOON_MS + 1, NOON_MS + HOUR)).toEqual([fileOf(NOON_MS), fileOf(NOON_MS + HOUR)]);
  expect(index.resultFiles('hall', NOON_MS + HOUR - 1, NOON_MS + HOUR - 1)).toEqual([fileOf(NOON_MS)]);
  expect(statSync(fileOf(NOON_MS)).mode & 0o777).toBe(0o640);
  expect(files.lost).toBe(0);
});

test('half a line of before does not spoil the next one; nothing but a file is written to', async () => {
  lay(NOON_MS, '{}\n{"camera":"ha');
  const files = open();
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'a\n' });
  mkdirSync(fileOf(NOON_MS, 'door'), { recursive: true });
  files.append({ camera: 'door', hourMs: NOON_MS, lines: 'a\n' });
  mkdirSync(dirname(fileOf(NOON_MS, 'yard')), { recursive: true });
  symlinkSync('/dev/null', fileOf(NOON_MS, 'yard'));
  files.append({ camera: 'yard', hourMs: NOON_MS, lines: 'a\nb\n' });
  files.append({ camera: 'yard', hourMs: NOON_MS + 1, lines: 'a\n' });
  await files.close();
  expect(read(NOON_MS)).toBe('{}\n{"camera":"ha\na\n');
  expect(index.bytes()).toBe(statSync(fileOf(NOON_MS)).size);
  expect(files.lost).toBe(4);
});

test('a disk that is away, full or slow: dropped and counted, and one append at a time', async () => {
  const files = open();
  dir = null;
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'a\nb\n' });
  await settled();
  expect(files.lost).toBe(2);
  // Where is not known yet: they wait.
  dir = undefined;
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'c\n' });
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'd\n' });
  await settled();
  [dir] = rig.dirs;
  files.resume();
  await files.close();
  expect([files.lost, read(NOON_MS)]).toEqual([2, 'c\nd\n']);
  // The directory itself is never made.
  dir = join(rig.root, 'missing');
  files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'e\n' });
  await settled();
  expect([files.lost, existsSync(dir)]).toEqual([3, false]);
});

test('an append that fails is said once until one succeeds', async () => {
  let works = false;
  const append = (): Promise<number> =>
    works ? Promise.resolve(1) : Promise.reject(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }));
  const files = open({ append });
  const put = async (): Promise<void> => {
    files.append({ camera: 'hall', hourMs: NOON_MS, lines: 'a\n' });
    await settled();
  };
  await put();
  await put();
  expect([files.lost, rig.lines]).toEqual([2, [`error results cannot be written in ${rig.dirs[0]}: ENOSPC: no space`]]);
  works = true;
  await put();
  works = false;
  await put();
  expect([files.lost, rig.lines.length]).toEqual([3, 2]);
});

test('a disk that hangs: one append is outstanding, what waits is bounded, and closing does not wait', async () => {
  let begun = 0;
  let wake: (bytes: number) => void = () => undefined;
  const append = (): Promise<number> => {
    begun += 1;
    return new Promise((resolve) => (wake = resolve));
  };
  const timed = <T>(_: string, work: () => Promise<T>): Promise<T> =>
    Promise.race([work(), nextTurn().then(() => Promise.reject(new Error('slow')))]);
  const files = open({ append, timed });
  const lines = `${'x'.repeat(99_999)}\n`;
  for (let i = 0; i < 20; i += 1) {
    files.append({ camera: 'hall', hourMs: NOON_MS, lines });
    await settled();
  }
  expect(begun).toBe(1);
  // The first, and what does not fit into a MiB.
  expect(files.lost).toBe(1 + 9);
  wake(1);
  await settled();
  expect(begun).toBe(2);
  await files.close();
  wake(1);
  await settled();
  expect(begun).toBe(2);
});

test('a restart finds the files, also those that others made or removed', async () => {
  lay(NOON_MS, 'ab\n');
  lay(NOON_MS - DAY, 'cdef\n', 'hall', 1);
  const scanner = scannerOf();
  await scanner.full();
  expect([index.bytes(), index.bytesIn(rig.dirs[1]), scanner.isComplete(rig.dirs[0])]).toEqual([8, 5, true]);
  expect(rig.lines).toEqual([]);
  appendFileSync(fileOf(NOON_MS), 'xyz\n');
  await scanner.full();
  expect(index.bytesIn(rig.dirs[0])).toBe(7);
  lay(NOON_MS + HOUR, 'q\n');
  rmSync(fileOf(NOON_MS));
  rmSync(join(rig.dirs[1], 'hall'), { recursive: true });
  await scanner.light();
  expect([index.bytes(), index.bytesIn(rig.dirs[1])]).toEqual([2, 0]);
  expect(index.resultFiles('hall', 0 + NOON_MS, NOON_MS + HOUR)).toEqual([fileOf(NOON_MS + HOUR)]);
  await scanner.close();
});

test('a file goes when its hour has no footage any more, the oldest first, with its folder; a new one stays', async () => {
  const old = NOON_MS - 10 * DAY;
  for (const hourMs of [old, old + HOUR, old + 2 * HOUR, old + DAY, NOON_MS - 3 * HOUR, NOON_MS - HOUR, NOON_MS])
    lay(hourMs);
  lay(old, '{}\n', 'yard', 1);
  // The last minute of an hour reaches into the next one.
  segment(1, old + HOUR - 30_000);
  const scanner = scannerOf();
  const files = open();
  await scanner.full();
  segment(2, NOON_MS - 3 * HOUR + 1);
  index.remove('hall', 1);
  segment(1, old + HOUR - 30_000);
  await files.sweep();
  expect(filesBelow(rig.dirs[0]).map((path) => path.slice(5, 18))).toEqual([
    '2026-11-13/12',
    '2026-11-13/13',
    '2026-11-23/09',
    '2026-11-23/11',
    '2026-11-23/12',
  ]);
  expect(existsSync(join(rig.dirs[0], 'hall/2026-11-14'))).toBe(false);
  expect(existsSync(join(rig.dirs[1], 'yard/2026-11-13'))).toBe(false);
  index.remove('hall', 1);
  await files.sweep();
  expect(filesBelow(rig.dirs[0])).toHaveLength(3);
  expect(index.bytes()).toBe(3 * 3 + 1);
  await scanner.close();
});
