import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesBelow, type FootageRig, footageRig, NOON_MS, writeSegment } from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { Mover, type MoveSteps } from './mover.ts';
import { Scanner } from './scanner.ts';
import { SegmentFiles } from './segment-files.ts';
import { fileOf } from './segment-row.ts';

let rig: FootageRig;
beforeEach(() => void (rig = footageRig()));
afterEach(() => rig.remove());

interface Opened {
  readonly index: FootageIndex;
  readonly files: SegmentFiles;
  readonly mover: Mover;
  readonly scanner: Scanner;
}

function open(steps?: MoveSteps): Opened {
  const { dirs, log, clock, database } = rig;
  const index = rig.use(new FootageIndex({ path: database, dirs, log, onEmptied: () => undefined }));
  const files = new SegmentFiles(index, log, () => Promise.resolve(true));
  const mover = new Mover({ files, log, ...(steps ? { steps } : {}) });
  const moving = (file: string): boolean => mover.isCopying(file);
  const scanner = new Scanner({
    dirs,
    files,
    clock,
    log,
    usable: () => true,
    whileUsable: (_, work) => work(),
    moving,
  });
  return { index, files, mover, scanner };
}

const STEPS = ['copy', 'sync file', 'rename', 'sync folder', 'remove'] as const;

/** Real steps; the process "ends" before or in the middle of one: it never comes back. */
function endingAt(at: (typeof STEPS)[number], reached: () => void): MoveSteps {
  const done: string[] = [];
  const step = (name: string, work: () => void) => (): Promise<void> => {
    if (name === at) {
      reached();
      return new Promise(() => undefined);
    }
    done.push(name);
    work();
    return Promise.resolve();
  };
  return {
    copy: (from, to) => {
      if (at === 'copy') writeFileSync(to, readFileSync(from).subarray(0, 1_000));
      return step('copy', () => copyFileSync(from, to))();
    },
    sync: () => step(done.includes('rename') ? 'sync folder' : 'sync file', () => undefined)(),
    rename: (from, to) => step('rename', () => renameSync(from, to))(),
    remove: (path) => step('remove', () => rmSync(path))(),
  };
}

test.each(STEPS)('a process that ends before “%s” leaves exactly one complete file in the index', async (at) => {
  writeSegment(rig.dirs[0], { camera: 'hall', order: 1, startMs: NOON_MS - 60_000 });
  const reached = await new Promise<Opened>((resolve) => {
    const all = open(endingAt(at, () => resolve(all)));
    void all.scanner
      .full()
      .then(() => all.files.locked({ camera: 'hall', order: 1 }, (row) => all.mover.move(row!, rig.dirs[1])));
  });
  // Readers at this moment: one row, and its file is whole.
  const [piece] = reached.index.pieces('hall', 0, 1e14);
  expect(piece!.toMs - piece!.fromMs).toBe(2_000);
  expect(existsSync(piece!.path)).toBe(true);
  reached.index.close();

  for (const forget of [false, true]) {
    if (forget) rmSync(rig.database);
    const { index, files, scanner } = open();
    await scanner.full();
    expect(index.tally.all().segments).toBe(1);
    const row = index.get('hall', 1)!;
    expect(readFileSync(fileOf(row)).byteLength).toBe(row.bytes);
    expect(index.pieces('hall', 0, 1e14)).toHaveLength(1);
    expect(row.endMs - row.startMs).toBe(2_000);
    expect(row.dir).toBe(rig.dirs[at === 'sync folder' || at === 'remove' ? 1 : 0]);
    expect([...filesBelow(rig.dirs[0]), ...filesBelow(rig.dirs[1])]).toHaveLength(1);
    expect(files.lost).toBe(0);
    index.close();
  }
});

test('a file is removed when no row names it any longer, and not before', async () => {
  writeSegment(rig.dirs[0], { camera: 'hall', order: 1, startMs: NOON_MS - 60_000 });
  const named: boolean[] = [];
  const { index, files, mover, scanner } = open({
    copy: (from, to) => Promise.resolve(copyFileSync(from, to)),
    sync: () => Promise.resolve(),
    rename: (from, to) => Promise.resolve(renameSync(from, to)),
    remove: (path) => {
      named.push(index.pieces('hall', 0, 1e14)[0]?.path === path);
      return Promise.resolve(rmSync(path));
    },
  });
  await scanner.full();
  await files.locked({ camera: 'hall', order: 1 }, (row) => mover.move(row!, rig.dirs[1]));
  expect(named).toEqual([false]);
  expect(existsSync(index.pieces('hall', 0, 1e14)[0]!.path)).toBe(true);
});

test('the oldest closed segments move while that is wanted, with their events; growing ones stay', async () => {
  for (let order = 1; order <= 4; order += 1)
    writeSegment(rig.dirs[0], { camera: 'hall', order, startMs: NOON_MS - 90_000 + order * 2_000, event: order === 2 });
  const { index, mover, scanner } = open();
  await scanner.full();
  index.put({ ...index.get('hall', 4)!, closed: false });
  const before = index.pieces('hall', 0, 1e14).map(({ order, fromMs, toMs }) => [order, fromMs, toMs]);
  const limit = index.tally.ofDir(rig.dirs[0]).bytes / 2;
  await mover.start(rig.dirs[0], rig.dirs[1], () => index.tally.ofDir(rig.dirs[0]).bytes > limit);
  expect([1, 2, 3, 4].map((order) => rig.dirs.indexOf(index.get('hall', order)!.dir))).toEqual([1, 1, 0, 0]);
  await mover.start(rig.dirs[0], rig.dirs[1], () => true);
  expect([1, 2, 3, 4].map((order) => rig.dirs.indexOf(index.get('hall', order)!.dir))).toEqual([1, 1, 1, 0]);
  expect(index.pieces('hall', 0, 1e14).map(({ order, fromMs, toMs }) => [order, fromMs, toMs])).toEqual(before);
  expect(filesBelow(rig.dirs[1]).filter((name) => name.endsWith('.event.mp4'))).toHaveLength(1);
  expect(filesBelow(rig.dirs[0])).toHaveLength(1);
});

test('a move that fails leaves the segment where it is, and is said once', async () => {
  writeSegment(rig.dirs[0], { camera: 'hall', order: 1, startMs: NOON_MS - 60_000 });
  const { index, mover, scanner } = open();
  await scanner.full();
  rmSync(rig.dirs[1], { recursive: true });
  writeFileSync(rig.dirs[1], 'a file');
  for (let i = 0; i < 2; i += 1) await mover.start(rig.dirs[0], rig.dirs[1], () => true);
  expect(index.get('hall', 1)!.dir).toBe(rig.dirs[0]);
  expect(rig.lines.filter((line) => line.startsWith('error recordings cannot be moved'))).toHaveLength(1);
});
