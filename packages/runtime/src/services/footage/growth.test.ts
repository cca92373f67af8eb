import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  filesBelow,
  type FootageRig,
  footageRig,
  NOON_MS,
  segmentBytes,
  type TestSegment,
  writeSegment,
} from '../../../test/support/footage.ts';
import { FootageIndex } from './footage-index.ts';
import { Growth } from './growth.ts';
import { Scanner } from './scanner.ts';
import { SegmentFiles } from './segment-files.ts';

let rig: FootageRig;
/** The disk with the recordings is the one that it was. */
let present: boolean;
beforeEach(() => {
  rig = footageRig();
  present = true;
});
afterEach(() => rig.remove());

function open(): { readonly index: FootageIndex; readonly growth: Growth; readonly scanner: Scanner } {
  const { dirs, log, clock, database } = rig;
  const index = rig.use(new FootageIndex({ path: database, dirs, log, onEmptied: () => undefined }));
  const files = new SegmentFiles(index, log, () => Promise.resolve(present));
  const usable = { usable: () => true, whileUsable: <T>(_: string, work: () => Promise<T>) => work() };
  const scanner = new Scanner({ dirs, files, clock, log, ...usable, moving: () => false });
  return { index, growth: new Growth({ dirs, files, clock, log }), scanner };
}

/** A recorder that writes a segment by its descriptor, as long as it is open. */
class Recorder {
  readonly path: string;
  readonly #bytes: Buffer;
  readonly #file: number;
  #at: number;

  constructor(segment: TestSegment) {
    this.#bytes = segmentBytes(segment);
    this.path = writeSegment(rig.dirs[0], segment);
    truncateSync(this.path, 0);
    this.#file = openSync(this.path, 'a');
    this.#at = 0;
  }

  /** Writes up to this share of the segment. */
  write(share: number): void {
    const end = Math.floor(this.#bytes.byteLength * share);
    writeSync(this.#file, this.#bytes.subarray(this.#at, end));
    this.#at = end;
    if (share === 1) closeSync(this.#file);
  }
}
const hall = (order: number, startMs: number, more: Partial<TestSegment> = {}): TestSegment => {
  return { camera: 'hall', order, startMs, seconds: 4, ...more };
};
const all = (index: FootageIndex): (readonly [number, number, boolean, boolean])[] =>
  index
    .pieces('hall', 0, 1e14)
    .map(({ order, toMs, event, growing }) => [order, (toMs - NOON_MS) / 1000, event, growing] as const);

test('a growing segment is followed; its successor closes it; the rate of its recorder is known', async () => {
  const { index, growth } = open();
  const first = new Recorder(hall(1, NOON_MS));
  await growth.written('hall', first.path, false);
  expect(index.get('hall', 1)).toMatchObject({ bytes: 0, closed: false });
  expect(all(index)).toEqual([]);
  first.write(0.6);
  rig.clock.advance(1_000);
  await growth.written('hall', first.path, false);
  const half = index.get('hall', 1)!.bytes;
  expect(growth.rateOf('hall')).toBeCloseTo(half, 0);
  expect(all(index)).toMatchObject([[1, expect.any(Number), false, true]]);
  expect(all(index)[0]![1]).toBeLessThan(4);
  first.write(1);
  const second = new Recorder(hall(2, NOON_MS + 4_000));
  second.write(0.6);
  await growth.written('hall', second.path, false);
  expect(all(index)[0]).toEqual([1, 4, false, false]);
  expect(index.growing().map(({ order }) => order)).toEqual([2]);
  second.write(1);
  await Promise.all([growth.written('hall', second.path, false), growth.written('hall', second.path, true)]);
  expect(index.growing()).toEqual([]);
  expect(index.spans('hall', 0, 1e14)).toEqual([{ fromMs: NOON_MS, toMs: NOON_MS + 8_000, event: false }]);
});

test('the index has no segment behind one whose end it does not know: between a span and the gap after it is nothing', async () => {
  const { index, growth } = open();
  const first = new Recorder(hall(1, NOON_MS));
  first.write(0.6);
  await growth.written('hall', first.path, false);
  // Its recorder writes more, and is killed before it says so.
  first.write(1);
  const gap = { reason: 'node_down', since_ms: NOON_MS + 4_000 } as const;
  const second = writeSegment(rig.dirs[0], hall(2, NOON_MS + 6_000, { gap }));
  const seen: unknown[] = [];
  const put = index.put.bind(index);
  vi.spyOn(index, 'put').mockImplementation((row) => {
    put(row);
    const [span] = index.spans('hall', 0, 1e14);
    if (row.order === 2) seen.push([span?.toMs, index.gaps('hall', 0, 1e14)[0]?.fromMs]);
  });
  await growth.written('hall', second, false);
  expect(seen.length).toBeGreaterThan(0);
  expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(
    new Set([JSON.stringify([NOON_MS + 4_000, NOON_MS + 4_000])]),
  );
});

test.each(['known before', 'begun meanwhile'])(
  'a segment that ended while its disk was away, %s, has its whole length once the next one begins',
  async (kind) => {
    const { index, growth } = open();
    const one = new Recorder(hall(1, NOON_MS));
    one.write(0.6);
    if (kind === 'known before') await growth.written('hall', one.path, false);
    one.write(1);
    present = false;
    const elsewhere = `${rig.dirs[0]}-away`;
    renameSync(rig.dirs[0], elsewhere);
    await growth.written('hall', one.path, true);
    if (kind === 'known before') expect(all(index)[0]![1]).toBeLessThan(4);
    present = true;
    renameSync(elsewhere, rig.dirs[0]);
    await growth.written('hall', writeSegment(rig.dirs[0], hall(2, NOON_MS + 4_000)), false);
    expect(index.spans('hall', 0, 1e14)).toEqual([{ fromMs: NOON_MS, toMs: NOON_MS + 8_000, event: false }]);
  },
);

test('a file that cannot be read for a while loses nothing that was read before', async () => {
  const { index, growth, scanner } = open();
  const one = new Recorder(hall(1, NOON_MS));
  one.write(0.6);
  await growth.written('hall', one.path, false);
  const known = all(index);
  one.write(1);
  const aside = `${one.path}.aside`;
  renameSync(one.path, aside);
  // Opening it fails with ELOOP.
  symlinkSync(one.path, one.path);
  await growth.written('hall', one.path, true);
  expect(all(index)[0]!.slice(0, 2)).toEqual(known[0]!.slice(0, 2));
  renameSync(aside, one.path);
  await scanner.full();
  expect(all(index)).toEqual([[1, 4, false, false]]);
});

const range = (fromMs: number, toMs: number) => ({ fromMs: NOON_MS + fromMs, toMs: NOON_MS + toMs });

test('a mark renames what overlaps it: closed, growing and recorded later; notices keep the old name', async () => {
  const { index, growth } = open();
  const before = writeSegment(rig.dirs[0], hall(1, NOON_MS - 4_000));
  await growth.written('hall', before, true);
  const growing = new Recorder(hall(2, NOON_MS));
  growing.write(0.5);
  await growth.written('hall', growing.path, false);
  await growth.mark('hall', range(500, 6_000), null);
  expect(all(index).map(([order, , event]) => [order, event])).toEqual([
    [1, false],
    [2, true],
  ]);
  expect(existsSync(growing.path)).toBe(false);
  growing.write(1);
  await growth.written('hall', growing.path, true);
  expect(all(index)[1]).toEqual([2, 4, true, false]);
  await growth.written('hall', writeSegment(rig.dirs[0], hall(3, NOON_MS + 4_000)), true);
  await growth.written('hall', writeSegment(rig.dirs[0], hall(4, NOON_MS + 8_000)), true);
  expect(all(index).map(([, , event]) => event)).toEqual([false, true, true, false]);
  await growth.mark('hall', range(-4_000, -3_000), null);
  expect(filesBelow(rig.dirs[0]).map((name) => name.includes('.event'))).toEqual([true, true, true, false]);
  expect(index.tally.events().segments).toBe(3);
  expect(rig.lines).toEqual([]);
});

test('an alarm that was none gives back what only it had marked, also what is recorded later', async () => {
  const { index, growth } = open();
  for (let n = 1; n <= 15; n += 1)
    await growth.written('hall', writeSegment(rig.dirs[0], hall(n, NOON_MS + n * 4_000)), n < 15);
  const events = (): number[] => all(index).flatMap(([order, , event]) => (event ? [order] : []));
  // Repeated every 10 s; a second alarm, somebody's own mark, and the same person half a minute later.
  await growth.mark('hall', range(5_000, 9_000), 'hall/person-1');
  await growth.mark('hall', range(15_000, 19_000), 'hall/person-1');
  await growth.mark('hall', range(17_000, 21_000), 'hall/person-2');
  await growth.mark('hall', range(6_000, 7_000), null);
  await growth.mark('hall', range(45_000, 46_000), 'hall/person-1');
  await growth.mark('door', range(5_000, 9_000), 'hall/person-1');
  expect(events()).toEqual([1, 2, 3, 4, 5, 11]);
  await growth.unmark('hall', 'hall/person-3', NOON_MS + 8_000);
  expect(events()).toEqual([1, 2, 3, 4, 5, 11]);
  await growth.unmark('hall', 'hall/person-1', NOON_MS + 8_000);
  expect(events()).toEqual([1, 4, 5, 11]);
  expect(filesBelow(rig.dirs[0]).filter((name) => name.includes('.event'))).toHaveLength(4);
  expect(index.tally.events().segments).toBe(4);
  await growth.mark('hall', range(60_000, 70_000), 'hall/person-4');
  await growth.unmark('hall', 'hall/person-4', NOON_MS + 75_000);
  await growth.written('hall', writeSegment(rig.dirs[0], hall(16, NOON_MS + 64_000)), true);
  expect(events()).toEqual([1, 4, 5, 11]);
  expect(rig.lines).toEqual([]);
});

test('marks last as long as their footage: an alarm of last week can be said to have been none', async () => {
  const { index, growth } = open();
  await growth.written('hall', writeSegment(rig.dirs[0], hall(1, NOON_MS)), true);
  await growth.mark('hall', range(0, 1_000), 'hall/person-1');
  const week = 7 * 24 * 3_600_000;
  await growth.mark('hall', range(week, week + 1_000), 'hall/person-1');
  expect(all(index)).toEqual([[1, 4, true, false]]);
  await growth.unmark('hall', 'hall/person-1', NOON_MS);
  expect(all(index)).toEqual([[1, 4, false, false]]);
});

test('an index that was lost meanwhile: the notice names a file that an event renamed', async () => {
  const first = open();
  const recorder = new Recorder(hall(1, NOON_MS));
  recorder.write(0.5);
  await first.growth.written('hall', recorder.path, false);
  await first.growth.mark('hall', range(0, 1), null);
  first.index.close();
  rmSync(rig.database);
  const { index, growth } = open();
  recorder.write(1);
  await growth.written('hall', recorder.path, true);
  expect(all(index)).toEqual([[1, 4, true, false]]);
});

test('a gap lasts until the next segment, over a restart, and when the clock is set back', async () => {
  const first = open();
  await first.growth.written('hall', writeSegment(rig.dirs[0], hall(1, NOON_MS)), false);
  first.growth.stopped('hall', NOON_MS + 3_900, 'camera_away');
  // The end of the segment before comes late.
  await first.growth.written('hall', writeSegment(rig.dirs[0], hall(1, NOON_MS)), true);
  first.index.close();
  const { index, growth } = open();
  const lasting = [{ fromMs: NOON_MS + 4_000, toMs: null, reason: 'camera_away' }];
  expect(index.gaps('hall', 0, 1e14)).toEqual(lasting);
  expect(index.gaps('hall', NOON_MS + 9_000, NOON_MS + 10_000)).toMatchObject([
    { fromMs: NOON_MS + 9_000, toMs: null },
  ]);
  const gap = { reason: 'camera_away', since_ms: NOON_MS + 4_000 } as const;
  await growth.written('hall', writeSegment(rig.dirs[0], hall(2, NOON_MS + 7_000, { gap })), false);
  expect(index.gaps('hall', 0, 1e14)).toEqual([{ ...lasting[0], toMs: NOON_MS + 7_000 }]);
  growth.stopped('hall', NOON_MS + 11_000, 'disk_full');
  await growth.written('hall', writeSegment(rig.dirs[0], hall(3, NOON_MS - 60_000)), false);
  expect(index.openGap('hall')).toBeUndefined();
  expect(index.hiddenSegments()).toBe(0);
  await growth.written('hall', writeSegment(rig.dirs[0], hall(4, NOON_MS - 500, { seconds: 6 })), true);
  expect(index.hiddenSegments()).toBe(1);
});

test('a recorder that is gone: its segment closes after a minute, and one that a restart found too', async () => {
  const path = writeSegment(rig.dirs[0], hall(1, NOON_MS));
  truncateSync(path, Math.floor(readFileSync(path).byteLength / 2));
  const first = open();
  await first.growth.written('hall', path, false);
  first.index.close();
  const { index, growth, scanner } = open();
  await scanner.full();
  appendFileSync(path, segmentBytes(hall(1, NOON_MS)).subarray(readFileSync(path).byteLength));
  rig.clock.advance(59_000);
  await growth.closeQuiet();
  expect(index.growing()).toHaveLength(1);
  rig.clock.advance(1_000);
  await growth.closeQuiet();
  expect(all(index)).toEqual([[1, 4, false, false]]);
});

test('notices that name no recording of ours change nothing, and are said once', async () => {
  const { index, growth } = open();
  for (let i = 0; i < 2; i += 1) {
    await growth.written('hall', '/etc/passwd', true);
    await growth.written('door', writeSegment(rig.dirs[0], hall(1, NOON_MS)), true);
  }
  await growth.written('hall', `${rig.dirs[0]}/hall/2026-11-23/120000000-000000009.mp4`, false);
  expect(index.tally.all().segments).toBe(0);
  expect(rig.lines).toHaveLength(2);
});
