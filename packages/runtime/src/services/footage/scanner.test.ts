import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Libsql from 'libsql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FootageRig, footageRig, NOON_MS, segmentBytes, writeSegment } from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { Scanner } from './scanner.ts';
import { SegmentFiles } from './segment-files.ts';

const MINUTE = 60_000;
let rig: FootageRig;
beforeEach(() => void (rig = footageRig()));
afterEach(() => rig.remove());

interface Scanned {
  readonly index: FootageIndex;
  readonly files: SegmentFiles;
  readonly scanner: Scanner;
  readonly emptied: () => number;
}

function open(present: (dir: string) => boolean = () => true): Scanned {
  const { dirs, log, clock } = rig;
  let emptied = 0;
  const index = rig.use(new FootageIndex({ path: rig.database, dirs, log, onEmptied: () => void (emptied += 1) }));
  const files = new SegmentFiles(index, log, (dir) => Promise.resolve(present(dir)));
  const scanner = new Scanner({
    dirs,
    files,
    clock,
    log,
    usable: present,
    whileUsable: (_, work) => work(),
    moving: () => false,
  });
  return { index, files, scanner, emptied: () => emptied };
}
const hall = (order: number, startMs: number) => ({ camera: 'hall', order, startMs }) as const;
const orders = (index: FootageIndex): number[] => index.pieces('hall', 0, 1e14).map(({ order }) => order);

test('what is removed while a scan comes to it gets no row again', async () => {
  const first = hall(1, NOON_MS - MINUTE);
  writeSegment(rig.dirs[0], first);
  const { index, files, scanner } = open();
  await scanner.full();
  await new Promise<void>((scanned) => {
    void files.locked(first, async (row) => {
      // The scan has seen the name, and waits for the lock.
      await new Promise<void>((asked) => {
        const locked = files.locked.bind(files);
        vi.spyOn(files, 'locked').mockImplementation((of, work) => {
          asked();
          return locked(of, work);
        });
        void scanner.full().then(scanned);
      });
      await files.remove(row!);
    });
  });
  expect([index.tally.all().segments, files.lost]).toEqual([0, 0]);
});

test('a scan finds what the files say: times of the note, bytes, events, spans, gaps', async () => {
  const start = NOON_MS - MINUTE + 0.25;
  const first = writeSegment(rig.dirs[0], { ...hall(1, start), seconds: 3 });
  writeSegment(rig.dirs[1], { ...hall(2, start + 3_000), event: true });
  const gap = { reason: 'camera_away', since_ms: start + 5_000 } as const;
  writeSegment(rig.dirs[0], { ...hall(3, start + 9_000), gap });
  const { index, scanner } = open();
  expect(index.fresh).toBe(true);
  await scanner.full();
  expect(index.pieces('hall', 0, 1e14).map(({ order, startMs, toMs, event }) => [order, startMs, toMs, event])).toEqual(
    [
      [1, start, start + 3_000, false],
      [2, start + 3_000, start + 5_000, true],
      [3, start + 9_000, start + 11_000, false],
    ],
  );
  expect(index.pieces('hall', 0, 1e14)[0]?.path).toBe(first);
  expect(index.spans('hall', start + 1_000, 1e14)).toEqual([
    { fromMs: start + 1_000, toMs: start + 5_000, event: true },
    { fromMs: start + 9_000, toMs: start + 11_000, event: false },
  ]);
  const noted = [{ fromMs: start + 5_000, toMs: start + 9_000, reason: 'camera_away' }];
  expect(index.gaps('hall', 0, 1e14)).toEqual(noted);
  // Also when no segment begins inside the range.
  expect(index.gaps('hall', start + 6_000, start + 7_000)).toEqual([
    { fromMs: start + 6_000, toMs: start + 7_000, reason: 'camera_away' },
  ]);
  expect(index.tally.all().segments).toBe(3);
  expect(index.tally.events()).toEqual(index.tally.ofDir(rig.dirs[1]));
  expect(index.cameras()).toEqual(['hall']);
});

test('a database that is missing, damaged, of another version or nonsense is made again from the files', async () => {
  for (let order = 1; order <= 4; order += 1) writeSegment(rig.dirs[0], hall(order, NOON_MS - 9_000 + order * 2_000));
  const { index, scanner } = open();
  await scanner.full();
  const before = index.pieces('hall', 0, 1e14);
  index.close();
  const damages: ((path: string) => void)[] = [
    (path) => rmSync(path),
    (path) => truncateSync(path, 5_000),
    (path) => writeFileSync(path, 'not a database, but text that is long enough to be looked at'.repeat(200)),
    (path) => writeFileSync(path, damagedPages(readFileSync(path))),
    (path) => {
      const database = new Libsql(path);
      database.exec('PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    },
  ];
  for (const damage of damages) {
    damage(rig.database);
    for (const suffix of ['-wal', '-shm']) rmSync(rig.database + suffix, { force: true });
    const again = open();
    await again.scanner.full();
    expect(again.index.pieces('hall', 0, 1e14)).toEqual(before);
    expect(again.index.tally.all().segments).toBe(4);
    again.index.close();
  }
  expect(rig.lines.filter((line) => line.includes('is made again from the files'))).toHaveLength(4);
  expect(rig.lines.at(-1)).toContain('(it has version 99, this vigia writes 2)');
});

test('a page that is damaged while it is used: the index empties itself, says so, and is scanned again', async () => {
  for (let order = 1; order <= 4; order += 1) writeSegment(rig.dirs[0], hall(order, NOON_MS - 9_000 + order * 2_000));
  const first = open();
  await first.scanner.full();
  first.index.close();
  // One digit of a number that a path holds: SQLite does not notice that.
  const bytes = readFileSync(rig.database);
  const at = bytes.indexOf('-000000003.mp4');
  bytes.write('7', at + 9, 'latin1');
  writeFileSync(rig.database, bytes);
  const { index, scanner, emptied } = open();
  expect(orders(index)).toEqual([]);
  expect(emptied()).toBe(1);
  expect(rig.lines.at(-1)).toMatch(/^warn the index of recordings is damaged .*: it is made again from the files$/);
  await scanner.full();
  expect(orders(index)).toEqual([1, 2, 3, 4]);
});

test('rows without a file are lost and counted; files without a row, and files that changed, are read', async () => {
  const paths = [1, 2, 3, 4].map((order) => writeSegment(rig.dirs[0], hall(order, NOON_MS - 90_000 + order * 2_000)));
  const first = open();
  await first.scanner.full();
  first.index.close();
  rmSync(paths[0]!);
  rmSync(paths[2]!);
  truncateSync(paths[3]!, Math.floor(readFileSync(paths[3]!).byteLength * 0.7));
  writeSegment(rig.dirs[0], hall(5, NOON_MS - 60_000));
  const { index, files, scanner } = open();
  expect(index.fresh).toBe(false);
  expect(orders(index)).toEqual([1, 2, 3, 4]);
  await scanner.full();
  expect(orders(index)).toEqual([2, 4, 5]);
  expect(files.lost).toBe(2);
  const cut = index.get('hall', 4)!;
  expect(cut.endMs - cut.startMs).toBeGreaterThan(400);
  expect(cut.endMs - cut.startMs).toBeLessThan(2_000);
  expect(cut.bytes).toBe(readFileSync(paths[3]!).byteLength);
  rmSync(join(rig.dirs[0], 'hall'), { recursive: true });
  await scanner.light();
  expect(orders(index)).toEqual([]);
  expect(files.lost).toBe(5);
  expect(index.tally.all()).toEqual({ segments: 0, bytes: 0 });
});

test('a directory that went away has lost nothing', async () => {
  writeSegment(rig.dirs[0], hall(1, NOON_MS - 60_000));
  let present = true;
  const { index, files, scanner } = open(() => present);
  await scanner.full();
  renameSync(rig.dirs[0], `${rig.dirs[0]}-unplugged`);
  mkdirSync(rig.dirs[0]);
  present = false;
  await scanner.full();
  await files.locked(hall(1, 0), async (row) => void (await files.read(row!)));
  expect(orders(index)).toEqual([1]);
  expect(files.lost).toBe(0);
});

test('foreign files are left alone, not counted and named once; hostile ones are contained', async () => {
  const own = writeSegment(rig.dirs[0], hall(1, NOON_MS - 60_000));
  const day = dirname(own);
  mkdirSync(join(rig.dirs[0], 'Holiday Pictures'));
  writeFileSync(join(rig.dirs[0], 'vigia-footage.lock'), '');
  writeFileSync(join(day, 'notes.txt'), 'mine');
  // A segment under the number of another one, and a file that only has the name of a segment.
  writeFileSync(join(day, '110000000-000000077.mp4'), segmentBytes(hall(1, NOON_MS - 60_000)));
  writeFileSync(join(day, '110100000-000000078.mp4'), Buffer.from('00000008moov'.repeat(100)));
  const { index, files, scanner } = open();
  await scanner.full();
  await scanner.full();
  expect(orders(index)).toEqual([1]);
  expect(index.tally.all().segments).toBe(2);
  expect(index.get('hall', 78)).toMatchObject({ read: true, bytes: 1_200 });
  const named = rig.lines.filter((line) => line.includes('is left alone'));
  expect(named).toHaveLength(3);
  expect(files.lost).toBe(0);
  expect(readFileSync(join(day, 'notes.txt'), 'utf8')).toBe('mine');
});

test('a light scan reads names only: it finds new files, and does not look at days that have not changed', async () => {
  const old = writeSegment(rig.dirs[0], hall(1, NOON_MS - 86_400_000));
  const { index, scanner } = open();
  await scanner.full();
  rig.clock.advance(MINUTE);
  await scanner.light();
  writeSegment(rig.dirs[0], hall(2, NOON_MS));
  appendFileSync(old, 'x');
  await scanner.light();
  expect(orders(index)).toEqual([1, 2]);
  expect(index.get('hall', 1)?.bytes).toBe(readFileSync(old).byteLength - 1);
  await scanner.full();
  expect(index.get('hall', 1)?.bytes).toBe(readFileSync(old).byteLength);
});

test('a rebuild reads everything again and says what it found', async () => {
  const paths = [1, 2].map((order) => writeSegment(rig.dirs[0], hall(order, NOON_MS - 60_000 + order * 2_000)));
  const { index, scanner } = open();
  await scanner.full();
  index.put({ ...index.get('hall', 1)!, endMs: index.get('hall', 1)!.endMs + 500 });
  rmSync(paths[1]!);
  const { segments, bytes, removed } = await scanner.rebuild();
  expect([segments, bytes, removed]).toEqual([1, readFileSync(paths[0]!).byteLength, 1]);
  expect(index.get('hall', 1)!.endMs - index.get('hall', 1)!.startMs).toBe(2_000);
});

test('an index whose disk takes nothing lives in memory and goes back to the disk', async () => {
  writeSegment(rig.dirs[0], hall(1, NOON_MS - 60_000));
  // The folder of the database is a file.
  writeFileSync(dirname(rig.database), '');
  const { index, scanner } = open();
  await scanner.full();
  expect(orders(index)).toEqual([1]);
  expect(rig.lines.some((line) => line.includes('it is kept in memory'))).toBe(true);
  index.settle();
  rmSync(dirname(rig.database));
  mkdirSync(dirname(rig.database));
  index.settle();
  index.close();
  expect(orders(open().index)).toEqual([1]);
});

test('a database that cannot be written goes on in memory with all its rows, and back to the disk later', async () => {
  writeSegment(rig.dirs[0], hall(1, NOON_MS - 60_000));
  const { index, scanner } = open();
  await scanner.full();
  const row = index.get('hall', 1)!;
  const other = new Libsql(rig.database);
  other.exec('BEGIN IMMEDIATE');
  index.batch(() => index.put({ ...row, bytes: row.bytes + 1 }));
  other.exec('ROLLBACK');
  other.close();
  expect(rig.lines.filter((line) => line.includes('it is kept in memory'))).toHaveLength(1);
  expect(index.tally.all()).toEqual({ segments: 1, bytes: row.bytes + 1 });
  index.settle();
  index.put({ ...row, bytes: row.bytes + 2 });
  index.close();
  expect(open().index.get('hall', 1)?.bytes).toBe(row.bytes + 2);
});

/** All pages but the first, which says how large the file is. */
function damagedPages(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 4_096), Buffer.alloc(bytes.byteLength - 4_096, 0xa5)]);
}
