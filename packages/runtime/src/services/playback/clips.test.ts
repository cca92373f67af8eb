import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { picturesOfPieces, Recordings, type Shown } from '../../../test/support/recordings.ts';
import { expectPictures, timesOf, written } from '../../../test/support/written-clip.ts';
import { boxesIn } from '#core/footage';

const START = Date.parse('2026-11-23T10:00:00Z') + 0.25;
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-playback-')));
let hall: Shown[];

beforeAll(() => {
  view.record('hall', { startMs: START, seconds: 4, sound: true });
  view.record('hall', { startMs: START + 4_000, seconds: 3, sound: true, scene: 4 });
  // Nothing was recorded for 5 s.
  view.record('hall', { startMs: START + 12_000, seconds: 3, sound: true, scene: 12 });
  view.gapsOf = [{ fromMs: START + 7_000, toMs: START + 12_000, reason: 'camera_away' }];
  hall = picturesOfPieces(view.all.get('hall') ?? []);
});
afterAll(() => view.close());

test('a range within a segment begins at the keyframe before it', async () => {
  const clip = await written(view, 'hall', START + 1_500, START + 2_200);
  expect(clip.plan.fromMs).toBe(START + 1_000);
  expectPictures(clip, hall, START + 1_500, START + 2_200);
});

test('random ranges over three segments and a gap show the pictures of the source, bit by bit, at their times', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  process.stdout.write(`random ranges: seed ${seed}\n`);
  const random = randomOf(seed);
  for (let n = 0; n < 20; n += 1) {
    const fromMs = START + random() * 6_900;
    const toMs = fromMs + 1 + random() * 8_000;
    view.cutting = n % 2 === 1;
    const clip = await written(view, 'hall', fromMs, toMs);
    // Times are rounded to 1 ms at the API: a keyframe up to half of that after the asked time is the one that was meant.
    expect(clip.plan.fromMs).toBeCloseTo(START + Math.floor((fromMs + 0.5 - START) / 1_000) * 1_000, 1);
    expectPictures(clip, hall, fromMs, toMs);
  }
});

test('sound stays with its pictures, over segments and gaps', async () => {
  const { path, plan } = await written(view, 'hall', START + 2_000, START + 14_500);
  const at = (track: string): number => startOf(path, track);
  // Sound of a segment begins 101 ms before its first picture: with a unit of AAC that is silent, and without B-frames' delay.
  const source = startOf(view.all.get('hall')?.[0]?.path ?? '', 'a:0');
  expect(source).toBe(0);
  expect(plan.gaps).toEqual(view.gapsOf);
  expect(at('v:0')).toBeGreaterThanOrEqual(0);
  const sound = timesOf(path, 'a:0');
  const pictures = timesOf(path, 'v:0');
  const hole = (times: readonly number[]): number => Math.max(...times.map((one, i) => one - (times[i - 1] ?? one)));
  expect(hole(pictures)).toBeCloseTo(5.04, 2);
  expect(hole(sound)).toBeGreaterThan(4.8);
  expect(hole(sound)).toBeLessThan(5.1);
  expect(Math.min(...sound.map((one, i) => one - (sound[i - 1] ?? -1)))).toBeGreaterThan(0);
  // The first sound behind the gap lies where the first picture behind the gap is.
  const [heard = 0, seen = 0] = [sound, pictures].map((times) => times[indexBehindHole(times)] ?? 0);
  expect(Math.abs(heard - seen)).toBeLessThan(0.13);
});

test('fragments are numbered from 1 on, over all segments', async () => {
  const { bytes } = await written(view, 'hall', START + 1_000, START + 6_000);
  const numbers = [...boxesIn(bytes)].flatMap(({ type, body }) => (type === 'moof' ? [body.readUInt32BE(12)] : []));
  expect(numbers.length).toBeGreaterThan(8);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
});

function startOf(path: string, track: string): number {
  return timesOf(path, track)[0] ?? Number.NaN;
}

function indexBehindHole(times: readonly number[]): number {
  return times.findIndex((one, i) => i > 0 && one - (times[i - 1] ?? one) > 3);
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
