import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSegment } from '#core/footage';
import type { AudioFormat } from '#core/media';
import type { RecordedItem } from './event-ring.ts';
import { type FragmentItems, SegmentWriter } from './segment-writer.ts';
import { SoundTimes } from './sound-times.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;

const START_MS = Date.parse('2026-11-23T10:00:00Z');
const SETS = Buffer.from('00000001674d400aec8867e2700000030010000003014024f89920000000016868ce3880', 'hex');

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-segment-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Ten pictures a second, by their number in the order in which they are shown. */
function picture(n: number): Video {
  const data = Buffer.from(n === 0 ? '0000000165888400' : '0000000141888400', 'hex');
  const times = { ptsMs: n * 100, arrivedMs: n * 100, latenessMs: 0, hiddenMs: 0 };
  return { kind: 'video', data, keyframe: n === 0, ...times } as Video;
}

/** The same ones again and again: the writer knows again the picture behind a fragment. */
const PICTURES = Array.from({ length: 10 }, (_, n) => picture(n));

function create(
  { depth = 0, intervalMs = 40 }: { readonly depth?: number; readonly intervalMs?: number } = {},
  audio?: AudioFormat,
): Promise<SegmentWriter> {
  return SegmentWriter.create({
    dir,
    note: { v: 1, node: 'n', camera: 'hall', boot: 'b', order: 1, epoch: 1, start_ms: START_MS, gap: null },
    event: false,
    shape: { codec: 'h264', sets: SETS, width: 64, height: 64, depth },
    audio,
    depth: 0,
    // As long as the interval of a stream is not known.
    intervalMs: () => intervalMs,
    durability: 'process',
    sound: new SoundTimes(),
  });
}

/** So many pictures, and the one behind them if it is known. */
function fragment(pictures: readonly number[], next?: number): FragmentItems {
  const known = (n: number): Video => PICTURES[n] as Video;
  return { video: pictures.map(known), audio: [], next: next === undefined ? undefined : known(next) };
}

test('a file that was removed while it was written is an error, and what was not written does not count as recorded', async () => {
  const segment = await create();
  await segment.append(fragment([0, 1, 2, 3]));
  expect(segment.durationMs).toBe(340);
  rmSync(join(dir, segment.path));
  await expect(segment.append(fragment([4, 5]))).rejects.toMatchObject({
    code: 'removed',
    message: expect.stringContaining('was removed while it was written'),
  });
  expect(segment.durationMs).toBe(340);
  await segment.close();
});

test('the first picture of a fragment is shown at its time, also where the camera left one out', async () => {
  const segment = await create();
  const next = picture(4);
  await segment.append({ ...fragment([0, 1, 2, 3]), next });
  const later = picture(6);
  await segment.append({ video: [next], audio: [], next: later });
  await segment.append({ video: [later, picture(7)], audio: [], next: undefined });
  await segment.close();
  const read = await readSegment(join(dir, segment.path));
  expect(read?.fragments.map(({ fromMs }) => fromMs)).toEqual([0, 400, 600]);
});

test('the note has the time that later pictures show the first one to have', async () => {
  const segment = await create();
  const late = { ...picture(0), arrivedMs: 80 };
  await segment.append({ video: [late, picture(1), picture(2)], audio: [], next: undefined });
  await segment.close();
  expect((await readSegment(join(dir, segment.path)))?.note.start_ms).toBe(START_MS - 80);
  expect(segment.note.start_ms).toBe(START_MS - 80);
});

test('time stamps that jump do not move the time of the first picture', async () => {
  const segment = await create();
  await segment.append({ video: [picture(0), { ...picture(1), ptsMs: 60_000 }], audio: [], next: undefined });
  expect(segment.note.start_ms).toBe(START_MS);
  await segment.close();
});

/** When each picture (or unit of sound) of a segment is shown, milliseconds from the first, as another reader finds it. */
function shownIn(segment: SegmentWriter, track = 'v'): number[] {
  const times = ['-select_streams', track, '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const args = ['-v', 'error', '-ignore_editlist', '1', ...times, join(dir, segment.path)];
  const shown = execFileSync('ffprobe', args, { encoding: 'utf8' }).trim().split('\n').map(Number);
  return shown.map((at) => Math.round((at - (shown[0] ?? 0)) * 1000));
}

/** Three pictures after each other are decoded from the last to the first: two wait at once. */
const REORDERED = [0, 3, 2, 1, 6, 5, 4, 9, 8, 7];

test.each([
  ['one picture that waits', [0, 3, 2]],
  ['none that waits', [0, 3]],
  ['nothing but a keyframe', [0]],
])('a first fragment with %s does not move those that are reordered more', async (_, first) => {
  const [second, third] = [REORDERED.slice(first.length, 6), REORDERED.slice(6)];
  const segment = await create({ depth: 2 });
  await segment.append(fragment(first, second[0]));
  await segment.append(fragment(second, third[0]));
  await segment.append(fragment(third));
  await segment.close();
  expect(shownIn(segment)).toEqual(REORDERED.map((n) => n * 100));
  expect(segment.untruth).toBeUndefined();
});

test('of a stream that does not say how it is reordered, one picture is moved at most, and that is known', async () => {
  const segment = await create();
  await segment.append(fragment([0, 3], 2));
  await segment.append(fragment(REORDERED.slice(2)));
  await segment.close();
  expect(shownIn(segment)).toEqual([0, 300, 200, 200, 600, 500, 400, 900, 800, 700]);
  expect(segment.untruth).toContain('a picture is recorded 100 ms after its time');
  expect(segment.depth).toBe(2);
});

test.each([40, 110])(
  'a picture behind one that was written alone is shown at its time: thought to last %d ms',
  async (intervalMs) => {
    const segment = await create({ depth: 1, intervalMs });
    await segment.append(fragment([0, 3, 1], 2));
    await segment.append(fragment([2]));
    await segment.append(fragment([6], 4));
    await segment.append(fragment([4, 5], 9));
    await segment.append(fragment([9, 7, 8]));
    await segment.close();
    expect(shownIn(segment)).toEqual([0, 300, 100, 200, 600, 400, 500, 900, 700, 800]);
  },
);

test('a fragment may have only sound', async () => {
  const segment = await create({}, { codec: 'pcma', sampleRate: 8000, channels: 1, config: undefined });
  const sound = (n: number): RecordedItem => ({ kind: 'audio', data: Buffer.alloc(160), ptsMs: n, arrivedMs: n });
  await segment.append({ ...fragment([0]), audio: [sound(0), sound(20)] as FragmentItems['audio'] });
  await segment.append({ ...fragment([]), audio: [sound(40), sound(60)] as FragmentItems['audio'] });
  await segment.append(fragment([1, 2]));
  await segment.close();
  expect(shownIn(segment)).toEqual([0, 100, 200]);
  expect(shownIn(segment, 'a')).toEqual([0, 20, 40, 60]);
});

test.each([
  [0, 1],
  [2, 4],
])('with %d pictures that wait, its first fragment needs %d, and later ones need one', async (depth, needed) => {
  const segment = await create({ depth });
  expect(segment.needed).toBe(needed);
  await segment.append(fragment([0, 3, 2], 1));
  expect(segment.needed).toBe(1);
  await segment.close();
});
