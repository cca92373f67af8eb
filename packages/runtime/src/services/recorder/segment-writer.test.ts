import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSegment } from '#core/footage';
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

/** Ten pictures a second. */
function picture(n: number): Video {
  const data = Buffer.from(n === 0 ? '0000000165888400' : '0000000141888400', 'hex');
  const times = { ptsMs: n * 100, arrivedMs: n * 100, latenessMs: 0, hiddenMs: 0 };
  return { kind: 'video', data, keyframe: n === 0, ...times } as Video;
}

function create(): Promise<SegmentWriter> {
  return SegmentWriter.create({
    dir,
    note: { v: 1, node: 'n', camera: 'hall', boot: 'b', order: 1, epoch: 1, start_ms: START_MS, gap: null },
    event: false,
    shape: { codec: 'h264', sets: SETS, width: 64, height: 64 },
    audio: undefined,
    depth: 0,
    // As long as the interval of a stream is not known.
    intervalMs: () => 40,
    durability: 'process',
    sound: new SoundTimes(),
  });
}

/** So many pictures, and the one behind them if it is known. */
function fragment(pictures: readonly number[], next?: number): FragmentItems {
  return { video: pictures.map(picture), audio: [], next: next === undefined ? undefined : picture(next) };
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
