import { FakeClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { beforeEach, expect, test } from 'vitest';
import type { Tile } from '#core/camera-link';
import { Picture } from '#core/media/libav';
import { TilePictures } from './tile-pictures.ts';

let clock: FakeClock;
let tiles: TilePictures;
/** Ends the encoding in progress. */
let finish: () => void;
let scaled: number[];
let encoded: { readonly width: number; readonly height: number; readonly bytes: number }[];
let isClosed: boolean;
const stay = new AbortController().signal;

beforeEach(() => {
  clock = new FakeClock();
  scaled = [];
  encoded = [];
  isClosed = false;
  tiles = new TilePictures({
    clock,
    scaler: {
      scale: (picture, _geometry, into) => {
        scaled.push(picture.seq);
        into.fill(picture.seq);
      },
      close: () => {
        isClosed = true;
      },
    },
    encode: ({ data, width, height }, tileWidth) => {
      encoded.push({ width, height, bytes: data.byteLength });
      const jpeg = Uint8Array.of(data[0] as number);
      return new Promise((resolve) => {
        finish = () => resolve({ jpeg, width: tileWidth, height: (height * tileWidth) / width });
      });
    },
  });
});

function frame(seq: number, width = 1_280, height = 720): Picture {
  const capturedMs = clock.nowMs() - 40;
  const stamps = {
    capturedMs,
    capturedWallMs: 1_000_000 + seq,
    hiddenMs: 0,
    arrivedMs: capturedMs,
    decodedMs: 0,
    ptsUs: 0,
  };
  const made = new Picture({ width, height } as Frame, stamps, () => undefined);
  made.seq = seq;
  return made;
}
const ok = (seq: number): ResultMessage => ({ seq, status: 'ok' }) as ResultMessage;
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
};

test('while results come, a tile is the picture of one, with its sequence and capture', async () => {
  tiles.ofResult(ok(1), frame(1));
  const asked = tiles.ask(320, stay);
  tiles.ofFrame(frame(2));
  tiles.ofFrame(frame(3));
  expect(scaled).toEqual([]);
  tiles.ofResult(ok(2), frame(2));
  clock.advance(5);
  finish();
  const { stamps, jpeg } = await asked;
  expect(stamps).toEqual({
    seq: 2,
    captured_at: new Date(1_000_002).toISOString(),
    age_ms: 45,
    age_certain: true,
    width: 320,
    height: 180,
  });
  expect([...jpeg]).toEqual([2]);
  expect(encoded).toEqual([{ width: 640, height: 360, bytes: 640 * 360 * 3 }]);
});

test('without results for a second it is the next frame, which no box belongs to', async () => {
  tiles.ofResult(ok(1), frame(1));
  const asked = tiles.ask(320, stay);
  clock.advance(1_000);
  tiles.ofFrame(frame(7));
  expect(scaled).toEqual([]);
  clock.advance(1);
  tiles.ofFrame(frame(8));
  finish();
  expect((await asked).stamps.seq).toBeNull();
  expect(scaled).toEqual([8]);
});

test('nobody asks: nothing is scaled, and consumers keep no picture', () => {
  tiles.ofFrame(frame(1));
  tiles.ofResult(ok(2), frame(2));
  expect(scaled).toEqual([]);
  expect([tiles.isWatched, tiles.wantsResult]).toEqual([false, false]);
});

test('it is watched for two seconds after the last request', () => {
  void tiles.ask(320, stay);
  clock.advance(1_999);
  expect(tiles.isWatched).toBe(true);
  clock.advance(1);
  expect(tiles.isWatched).toBe(false);
});

test('one is encoded at a time: who asks meanwhile gets a newer frame, in the width that was asked for', async () => {
  const got: Tile[] = [];
  const take = (width: number): void => void tiles.ask(width, stay).then((tile) => got.push(tile));
  take(320);
  take(320);
  take(640);
  tiles.ofFrame(frame(1));
  take(320);
  tiles.ofFrame(frame(2));
  expect(scaled).toEqual([1]);
  finish();
  await settled();
  expect(got.map(({ stamps, jpeg }) => [stamps.width, jpeg[0]])).toEqual([
    [320, 1],
    [320, 1],
  ]);
  tiles.ofFrame(frame(3));
  finish();
  await settled();
  tiles.ofFrame(frame(4));
  finish();
  await settled();
  expect(got.slice(2).map(({ stamps, jpeg }) => [stamps.width, jpeg[0]])).toEqual([
    [640, 3],
    [320, 4],
  ]);
});

test('a small stream keeps its size', async () => {
  const asked = tiles.ask(640, stay);
  tiles.ofFrame(frame(1, 352, 288));
  finish();
  expect((await asked).stamps).toMatchObject({ width: 352, height: 288 });
});

test('who gives up is forgotten; too many are refused; the end refuses the rest', async () => {
  const gone = new AbortController();
  const given = tiles.ask(320, gone.signal);
  gone.abort(new Error('gone'));
  await expect(given).rejects.toThrow('gone');
  const waiting = Array.from({ length: 8 }, () => tiles.ask(320, stay));
  await expect(tiles.ask(320, stay)).rejects.toThrow('8 small pictures are asked for already');
  tiles.close();
  for (const one of waiting) await expect(one).rejects.toThrow('the camera is closing');
  expect(isClosed).toBe(true);
});

test('a picture that cannot be scaled is an error of its requests, and the next one is served', async () => {
  const failing = new TilePictures({
    clock,
    scaler: {
      scale: () => {
        throw new Error('its format is odd');
      },
      close: () => undefined,
    },
    encode: () => Promise.reject(new Error('unused')),
  });
  const first = failing.ask(320, stay);
  failing.ofFrame(frame(1));
  await expect(first).rejects.toMatchObject({ code: 'picture_failed', message: 'its format is odd' });
  const second = failing.ask(320, stay);
  failing.ofFrame(frame(2));
  await expect(second).rejects.toMatchObject({ code: 'picture_failed' });
});
