import { expect, test } from 'vitest';
import type { RecordedItem } from './event-ring.ts';
import { FragmentBuffer } from './fragment-buffer.ts';

const picture = (arrivedMs: number, bytes = 10): RecordedItem => ({
  kind: 'video',
  index: 0,
  data: Buffer.alloc(bytes),
  ptsMs: arrivedMs,
  arrivedMs,
  latenessMs: 0,
  hiddenMs: 0,
  keyframe: false,
  damaged: false,
});

test('a fragment is due 400 ms after its first picture came, or when it is large', () => {
  const buffer = new FragmentBuffer();
  expect(buffer.dueInMs(1_000)).toBe(400);
  buffer.add(picture(1_000));
  buffer.add(picture(1_100));
  expect([buffer.dueInMs(1_150), buffer.dueInMs(1_500)]).toEqual([250, -100]);
  buffer.add(picture(1_160, 9 * 1024 * 1024));
  expect(buffer.dueInMs(1_160)).toBe(0);
});

test('the newest picture stays, for how long it lasts shows with the one after it; one that is alone goes', () => {
  const buffer = new FragmentBuffer();
  buffer.add(picture(1_000));
  buffer.add(picture(1_100));
  expect(buffer.take().video.map(({ arrivedMs }) => arrivedMs)).toEqual([1_000]);
  expect(buffer.dueInMs(1_150)).toBe(350);
  expect(buffer.take().video.map(({ arrivedMs }) => arrivedMs)).toEqual([1_100]);
  expect(buffer.take().video).toEqual([]);
});

test('one that needs more pictures waits for them, a second at most', () => {
  const buffer = new FragmentBuffer();
  buffer.add(picture(1_000));
  expect([1_000, 1_350, 1_500, 1_950, 2_000].map((ms) => buffer.dueInMs(ms, 3))).toEqual([400, 100, 100, 50, 0]);
  buffer.add(picture(1_100));
  buffer.add(picture(1_200));
  expect(buffer.dueInMs(1_500, 3)).toBe(-100);
});
