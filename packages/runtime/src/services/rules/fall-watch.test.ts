import { FakeClock, type Log } from '@vigia/base';
import type { Bbox, Detection, ResultMessage } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { beforeEach, expect, test } from 'vitest';
import { Picture } from '#core/media/libav';
import { type FallNews, FallWatch } from './fall-watch.ts';

type Done = (found: readonly Detection[] | undefined) => void;

const LOG = { error: () => undefined } as unknown as Log;
const person = (bbox: Bbox, confidence = 0.9): Detection => ({ class_id: 0, class_name: 'person', confidence, bbox });
const STANDING = person([0.42, 0.4, 0.58, 0.9]);
const LYING = person([0.3, 0.78, 0.7, 0.92], 0.3);

let clock: FakeClock;
let news: FallNews[];
let out: Done[];
let cancelled: number;
let alive: number;
let watch: FallWatch;

beforeEach(() => {
  clock = new FakeClock();
  [news, out, cancelled, alive] = [[], [], 0, 0];
  const looker = {
    look: (_picture: Picture, _square: object, _turn: number, done: Done) => void out.push(done),
    cancel: () => void (cancelled += 1),
  };
  watch = new FallWatch({ clock, log: LOG, looker, zones: [], longLieMs: undefined, onNews: (one) => news.push(one) });
});

/** A result of a picture that was captured 30 ms ago. */
async function result(
  detections: Detection[],
  looks: readonly Detection[] | 'none' | undefined,
  faint: Detection[] = [],
): Promise<void> {
  alive += 1;
  const capturedMs = clock.nowMs() - 30;
  const stamps = { capturedMs, capturedWallMs: clock.wallMs() - 30, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
  const picture = new Picture({ width: 640, height: 480 } as Frame, stamps, () => (alive -= 1));
  watch.seen({ detections } as unknown as ResultMessage, faint, picture);
  picture.release();
  if (looks === 'none') return;
  for (let i = 0; i < 4; i += 1) {
    out.shift()?.(looks);
    await Promise.resolve();
    await Promise.resolve();
  }
}

async function fall(looks: readonly Detection[] | 'none' | undefined, faint: Detection[] = []): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    await result([STANDING], 'none');
    clock.advance(200);
  }
  for (let i = 0; i < 12; i += 1) {
    await result([], looks, faint);
    clock.advance(200);
  }
}

test('a fall that only looks show, with the age of the picture that decided; every picture is given back', async () => {
  await fall([LYING]);
  expect(news).toHaveLength(1);
  expect(news[0]?.change).toMatchObject({ phase: 'start', state: 'down' });
  expect(news[0]?.ageMs).toBe(30);
  expect(alive).toBe(0);
});

test('a fall that the model sees faintly', async () => {
  for (let i = 0; i < 10; i += 1) {
    await result([STANDING], 'none');
    clock.advance(200);
  }
  for (const [top, right] of [
    [0.5, 0.6],
    [0.64, 0.66],
    [0.74, 0.7],
  ] as const) {
    await result([], [], [person([0.36, top, right, 0.92], 0.3)]);
    clock.advance(200);
  }
  for (let i = 0; i < 6; i += 1) {
    await result([], [], [LYING]);
    clock.advance(200);
  }
  expect(news.map(({ change }) => change.phase)).toEqual(['start']);
});

test('looks that are not answered before the next result are given up; nothing waits', async () => {
  await fall('none');
  expect(news).toEqual([]);
  expect(cancelled).toBeGreaterThan(5);
  expect(alive).toBeLessThanOrEqual(1);
  watch.close();
  expect(alive).toBe(0);
});

test('looks that fail cost nothing but what they would have shown', async () => {
  await fall(undefined);
  expect([news.length, alive]).toEqual([0, 0]);
});

test('results that stop while somebody is down are an alarm, once', async () => {
  for (let i = 0; i < 10; i += 1) {
    await result([STANDING], 'none');
    clock.advance(200);
  }
  await result([], [LYING]);
  clock.advance(200);
  await result([], [LYING]);
  for (let i = 0; i < 20; i += 1) {
    clock.advance(500);
    watch.watch();
  }
  expect(news.map(({ change }) => `${change.phase} ${change.state}`)).toEqual(['start blind']);
  expect(news[0]?.ageMs).toBeGreaterThan(5_000);
});
