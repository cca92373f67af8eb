import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { picturesOf, picturesOfPieces, Recordings } from '../../../test/support/recordings.ts';
import { expectPictures, stepsOf, timesOf, written } from '../../../test/support/written-clip.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-playback-')));
afterAll(() => view.close());

test('H.265, and a clock that is corrected by 3 ms between segments', async () => {
  view.record('yard', { startMs: START, seconds: 3, codec: 'hevc' });
  view.record('yard', { startMs: START + 3_003, seconds: 3, codec: 'hevc', scene: 9 });
  const source = picturesOfPieces(view.all.get('yard') ?? []);
  expectPictures(await written(view, 'yard', START + 2_100, START + 4_000), source, START + 2_100, START + 4_000);
});

test('a clip ends where the size or the codec of the pictures changes, and says so', async () => {
  view.record('gate', { startMs: START, seconds: 2 });
  view.record('gate', { startMs: START + 2_000, seconds: 2, size: '192x108' });
  const clip = await written(view, 'gate', START, START + 4_000);
  expect(clip.plan.ends).toBe('format');
  expect(clip.plan.toMs).toBeCloseTo(START + 2_000, 0);
  expectPictures(clip, picturesOfPieces(view.all.get('gate')?.slice(0, 1) ?? []), START, START + 2_000);
  expect((await written(view, 'gate', START + 2_000, START + 4_000)).plan.ends).toBeUndefined();
});

test('where the clock was set back, the later segment is shown, and times never go back', async () => {
  const long = view.record('back', { startMs: START, seconds: 6 });
  const short = view.record('back', { startMs: START + 2_600, seconds: 1, scene: 7 });
  const end = { ...long, fromMs: START + 3_600 };
  view.all.set('back', [{ ...long, toMs: START + 2_600 }, short, end]);
  const { path, plan } = await written(view, 'back', START, START + 6_000);
  const shown = picturesOf(path).map(({ ms, md5 }) => ({ ms: START + ms, md5 }));
  const source = new Set(
    [long, short].flatMap((one) => picturesOfPieces([one]).map(({ ms, md5 }) => `${ms.toFixed(0)} ${md5}`)),
  );
  expect(shown.filter(({ ms, md5 }) => !source.has(`${ms.toFixed(0)} ${md5}`))).toEqual([]);
  expect(plan.extents.map(({ piece }) => piece.order)).toEqual([1, 2, 1]);
  // 2.52 s of the first one, all of the second one, and the first one from its next keyframe on.
  expect(shown.length).toBe(63 + 25 + 50);
  const times = timesOf(path, 'v:0', 'dts_time');
  expect(Math.min(...times.map((one, i) => one - (times[i - 1] ?? -1)))).toBeGreaterThan(0);
});

test('segments that overlap by 100 ms: every picture is shown, and decode times never go back', async () => {
  const first = view.record('slow', { startMs: START, seconds: 2 });
  const second = view.record('slow', { startMs: START + 1_900, seconds: 2, scene: 2 });
  view.all.set('slow', [{ ...first, toMs: second.startMs }, second]);
  const { path } = await written(view, 'slow', START, START + 4_000);
  const source = [first, second].flatMap((one) => picturesOf(one.path));
  const shown = picturesOf(path);
  expect(shown.map(({ md5 }) => md5)).toEqual(source.map(({ md5 }) => md5));
  expect(stepsOf(timesOf(path, 'v:0', 'dts_time')).every((step) => step > 0)).toBe(true);
  // The second one is later by what decoding needs: less than the overlap.
  expect(shown[50]?.ms).toBeGreaterThan(1_900);
  expect(shown[50]?.ms).toBeLessThan(2_001);
});

test('an index whose pieces overlap for long: what would go back is left out', async () => {
  const first = view.record('odd', { startMs: START, seconds: 4 });
  const second = view.record('odd', { startMs: START + 1_500, seconds: 4, scene: 5 });
  view.all.set('odd', [first, second]);
  const { path } = await written(view, 'odd', START, START + 5_500);
  expect(stepsOf(timesOf(path, 'v:0', 'dts_time')).every((step) => step > 0)).toBe(true);
  const [one, two] = [first, second].map(({ path: file }) => picturesOf(file).map(({ md5 }) => md5));
  // The second one begins at its first keyframe that is not long before the end of the first one.
  expect(picturesOf(path).map(({ md5 }) => md5)).toEqual([...(one ?? []), ...(two ?? []).slice(75)]);
});

test('edit lists, which hold for their own segment only, are no part of a clip', async () => {
  view.record('cuts', { startMs: START, seconds: 2, edits: true });
  view.record('cuts', { startMs: START + 2_000, seconds: 2, edits: true, scene: 2 });
  const pieces = view.all.get('cuts') ?? [];
  expect(readFileSync(pieces[0]?.path ?? '').includes('elst')).toBe(true);
  const clip = await written(view, 'cuts', START + 500, START + 3_500);
  expect(clip.bytes.includes('edts')).toBe(false);
  expectPictures(clip, picturesOfPieces(pieces), START + 500, START + 3_500);
});

test('G.711: sound of every fragment, in a QuickTime file', async () => {
  view.record('gong', { startMs: START, seconds: 2, sound: 'g711' });
  view.record('gong', { startMs: START + 2_000, seconds: 2, sound: 'g711', scene: 2 });
  const clip = await written(view, 'gong', START + 1_000, START + 3_500);
  expectPictures(clip, picturesOfPieces(view.all.get('gong') ?? []), START + 1_000, START + 3_500);
  const [sound, pictures] = ['a:0', 'v:0'].map((track) => timesOf(clip.path, track));
  expect(stepsOf(sound ?? []).every((step) => step > 0 && step < 0.3)).toBe(true);
  expect(Math.abs((sound?.at(-1) ?? 0) - (pictures?.at(-1) ?? 0))).toBeLessThan(0.6);
});
