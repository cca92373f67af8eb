import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, askSocket } from '../../../test/support/ask-socket.ts';
import { pixelsOf, Recordings } from '../../../test/support/recordings.ts';
import { Playback } from './playback.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-pictures-')));
const socketPath = join(view.dir, 'playback.sock');
const codecs = { hall: 'h264', yard: 'hevc' } as const;
let playback: Playback;

beforeAll(async () => {
  for (const [camera, codec] of Object.entries(codecs)) {
    view.record(camera, { startMs: START, seconds: 3, codec, sound: true });
    view.record(camera, { startMs: START + 30_000, seconds: 2, codec, size: '400x300' });
  }
  const log = createLog('footage', () => undefined);
  playback = await Playback.open({ view, socketPath, clock: systemClock, log, nodeName: 'box' });
});
afterAll(async () => {
  await playback.close();
  view.close();
});

const ask = (path: string): Promise<Answer> => askSocket(socketPath, path);
const messageOf = ({ body }: Answer): string =>
  (JSON.parse(body.toString()) as { error: { message: string } }).error.message;

/** The index of the picture of the source that a JPEG looks like. */
async function indexOf(jpeg: Buffer, source: readonly Buffer[]): Promise<number> {
  const pixels = await sharp(jpeg).greyscale().raw().toBuffer();
  const apart = source.map((one) => one.reduce((sum, level, i) => sum + Math.abs(level - (pixels[i] ?? 0)), 0));
  return apart.indexOf(Math.min(...apart));
}

test.each(Object.keys(codecs))('%s: the picture that was shown at a time, with its own time', async (camera) => {
  const source = pixelsOf(view.all.get(camera)?.[0]?.path ?? '', 160, 120);
  expect(source.length).toBe(75);
  for (const [ms, index] of [
    [0, 0],
    [39, 0],
    [40, 1],
    [80, 2],
    [120, 3],
    [999, 24],
    [1_000, 25],
    [1_160, 29],
    [1_779.9, 44],
    [2_999, 74],
  ] as const) {
    const { status, headers, body } = await ask(`/${camera}/frame.jpg?at=${START + ms}`);
    expect([ms, status, headers['content-type']]).toEqual([ms, 200, 'image/jpeg']);
    expect([ms, headers['x-vigia-at']]).toEqual([ms, new Date(START + index * 40).toISOString()]);
    expect([ms, await indexOf(body, source)]).toEqual([ms, index]);
  }
});

test('in a gap there is no picture: the sentence names the nearest footage', async () => {
  const none = await ask(`/hall/frame.jpg?at=2026-11-23T10:00:05Z`);
  expect(none.status).toBe(404);
  expect(messageOf(none)).toBe(
    'camera hall has no footage at 2026-11-23T10:00:05.000Z; the nearest footage is at 2026-11-23T10:00:03.000Z',
  );
  expect(messageOf(await ask(`/hall/frame.jpg?at=2026-11-23T10:00:29Z`))).toMatch(/10:00:30\.000Z$/);
  expect((await ask('/hall/frame.jpg')).status).toBe(400);
  expect((await ask('/hall/frame.jpg?at=1&at=2')).status).toBe(400);
});

test('a thumbnail is that of the nearest keyframe, up to 10 s away, and at most 320 wide', async () => {
  const near = await ask(`/hall/thumbnail.jpg?at=${START + 1_600}`);
  expect(near.headers['x-vigia-at']).toBe('2026-11-23T10:00:02.000Z');
  expect(await sharp(near.body).metadata()).toMatchObject({ width: 160, height: 120, format: 'jpeg' });
  const away = await ask(`/hall/thumbnail.jpg?at=${START + 11_900}`);
  expect([away.status, away.headers['x-vigia-at']]).toEqual([200, '2026-11-23T10:00:02.000Z']);
  expect((await ask(`/hall/thumbnail.jpg?at=${START + 12_100}`)).status).toBe(404);
  const large = await ask(`/yard/thumbnail.jpg?at=${START + 31_000}`);
  expect(await sharp(large.body).metadata()).toMatchObject({ width: 320, height: 240 });
});

/** A copy of a camera's first segment, with the data of its fragments from one on overwritten. */
function damaged(camera: string, from: number): void {
  const [piece] = view.all.get('hall') ?? [];
  if (!piece) throw new Error('no piece');
  const file = readFileSync(piece.path);
  const path = join(view.dir, `${camera}.mp4`);
  file.write(`"camera":"${camera}"`, file.indexOf('"camera":"hall"'));
  for (let at = file.indexOf('mdat'), n = 0; at >= 0; at = file.indexOf('mdat', at + 4), n += 1) {
    const next = file.indexOf('moof', at);
    if (n >= from) file.fill(0xff, at + 4, next < 0 ? file.byteLength : next - 4);
  }
  writeFileSync(path, file);
  view.all.set(camera, [{ ...piece, path }]);
}

test('where a picture is damaged, an earlier one is shown, or a sentence says so', async () => {
  damaged('hurt', 0);
  const none = await ask(`/hurt/frame.jpg?at=${START + 200}`);
  expect([none.status, messageOf(none)]).toEqual([409, 'the recording is damaged here: no picture can be decoded']);
  damaged('harm', 1);
  const earlier = await ask(`/harm/frame.jpg?at=${START + 900}`);
  expect([earlier.status, earlier.headers['x-vigia-at']]).toEqual([200, '2026-11-23T10:00:00.480Z']);
});

test('many pictures and thumbnails at once: each is answered, or refused with 503', async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => ask(`/hall/${i % 2 ? 'frame' : 'thumbnail'}.jpg?at=${START + i * 70}`)),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(20);
});
