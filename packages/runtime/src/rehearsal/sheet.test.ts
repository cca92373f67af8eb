import type { Picture } from '#core/media/libav';
import sharp from 'sharp';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readClip } from './clip-pictures.ts';
import type { Subject } from '#services/replay';
import type { Moment } from './rehearsal.ts';
import { Sheet } from './sheet.ts';

const FALL = fileURLToPath(new URL('../../assets/fall.mp4', import.meta.url));
let sheet: Sheet;
beforeEach(() => {
  sheet = new Sheet([]);
});
afterEach(() => sheet.close());

function view(state: string, person = 1): Subject {
  return { name: `person ${person}`, state, bbox: [0.3, 0.2, 0.5, 0.9], isSeen: true, looked: false };
}

/** Adds moments of the first picture of a clip. */
async function add(moments: readonly Pick<Moment, 'atMs' | 'subjects'>[]): Promise<void> {
  const stop = new AbortController();
  const take = async (picture: Picture): Promise<void> => {
    for (const moment of moments) sheet.add({ ...moment, looks: 0, news: [], alarm: undefined }, picture);
    stop.abort(new Error('one is enough'));
  };
  await readClip(FALL, 5, take, stop.signal).catch(() => undefined);
}

/** Red, green and blue at a place. */
async function pixel(jpeg: Buffer, x: number, y: number): Promise<number[]> {
  const { data } = await sharp(jpeg)
    .extract({ left: x, top: y, width: 1, height: 1 })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return [...data];
}

test('shows who was how when: green while upright, red from the alarm on', async () => {
  const moments = Array.from({ length: 20 }, (_, i) => ({
    atMs: i * 200,
    subjects: [view(i < 10 ? 'upright' : 'alarm')],
  }));
  await add(moments);
  const jpeg = await sheet.jpeg('a clip');
  const { width = 0, height = 0 } = await sharp(jpeg).metadata();
  expect(width).toBe(1_320);
  expect(height).toBeGreaterThan(4 * 240);
  const early = await pixel(jpeg, 300, 38);
  const late = await pixel(jpeg, 1_100, 38);
  expect(early[1]).toBeGreaterThan((early[0] ?? 0) + 50);
  expect(late[0]).toBeGreaterThan((late[1] ?? 0) + 100);
});

test('of a long clip in which much changes, it keeps few pictures, and is no larger', async () => {
  const moments = Array.from({ length: 2_000 }, (_, i) => ({
    atMs: i * 200,
    subjects: [view(i % 2 === 0 ? 'upright' : 'unclear', 1 + (i % 40))],
  }));
  await add(moments);
  const { height = 0 } = await sharp(await sheet.jpeg('a clip')).metadata();
  expect(height).toBeLessThan(1_600);
});

test('a clip without pictures still has a sheet', async () => {
  expect((await sharp(await sheet.jpeg('nothing <&> "')).metadata()).width).toBe(1_320);
});
