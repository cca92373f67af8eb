import { expect, test } from 'vitest';
import { PictureStamps } from './picture-stamps.ts';

const picture = (index: number, ptsMs: number, arrivedMs = ptsMs) => ({ index, ptsMs, arrivedMs, latenessMs: 0 });
/** Ten pictures a second; the tenth was the newest one when the viewer came. */
const newest = { index: 10, ptsMs: 1_000, capturedMs: 5_000 };

test('what is older than the newest picture is squeezed to 1 ms apart before it, and never live', () => {
  const stamps = new PictureStamps(newest, 1_000_000);
  for (let index = 4; index < 10; index += 1) {
    const old = picture(index, index * 100);
    expect([stamps.isBefore(old), stamps.of(old)]).toEqual([true, 1_000_000 - (10 - index) * 90]);
  }
  expect([stamps.isBefore(picture(10, 1_000)), stamps.of(picture(10, 1_000))]).toEqual([false, 1_000_000]);
  expect(stamps.of(picture(11, 1_100))).toBe(1_009_000);
  // One that was lost on the way takes its time.
  expect(stamps.of(picture(13, 1_333.3))).toBe(1_000_000 + 29_997);
});

test('a viewer who begins with a later keyframe: its own time, not the origin', () => {
  expect(new PictureStamps(newest, 0).of(picture(15, 1_500))).toBe(45_000);
});

test('stamps wrap; those before an origin near zero too', () => {
  const early = new PictureStamps(newest, 10);
  expect(early.of(picture(9, 900))).toBe(2 ** 32 - 80);
  const late = new PictureStamps(newest, 2 ** 32 - 1);
  expect(late.of(picture(11, 1_100))).toBe(8_999);
});

test('another connection of the camera has another zero: for the viewer time goes on', () => {
  const stamps = new PictureStamps(newest, 0);
  expect(stamps.of(picture(10, 1_000, 6_000))).toBe(0);
  stamps.reconnected();
  expect(stamps.of(picture(11, 77_777, 9_000))).toBe(270_000);
  expect(stamps.of(picture(12, 77_877, 9_100))).toBe(279_000);
  // Again, and faster than the clock can tell.
  stamps.reconnected();
  expect(stamps.of(picture(13, 0, 9_100))).toBe(279_001);
});
