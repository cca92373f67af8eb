import { decodeRunLengths, type Detection } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentOf } from '#preprocess';
import { ForegroundDecoder } from './foreground.ts';
import { moveInto } from './move-into.ts';

const SIDE = 12;

/** Whether a detection's mask covers a point, in fractions of the frame. */
function covers({ bbox: [x0, y0, x1, y1], mask }: Detection, x: number, y: number): boolean {
  if (!mask || x < x0 || x >= x1 || y < y0 || y >= y1) return false;
  const column = Math.floor(((x - x0) / (x1 - x0)) * mask.width);
  const line = Math.floor(((y - y0) / (y1 - y0)) * mask.height);
  return decodeRunLengths(mask.counts, mask.width * mask.height)[line * mask.width + column] === 1;
}

test('letterboxed foreground covers the same part of the frame as in the input, for any content of the padding', () => {
  const pixel = fc.constantFrom(0, 0.9);
  const pictures = fc.array(pixel, { minLength: SIDE ** 2, maxLength: SIDE ** 2 });
  const frames = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(pictures, frames, (picture, frame) => {
      const settings = { className: 'f', width: SIDE, height: SIDE, threshold: 0.5, grid: 32, minArea: 0 };
      const [seen] = new ForegroundDecoder(settings).decode(Float32Array.from(picture));
      if (!seen) return;
      const content = contentOf({ x: 0, y: 0, ...frame }, { width: SIDE, height: SIDE }, 'letterbox');
      const { x: left, y: top, width, height } = content;
      const region = { x: left / SIDE, y: top / SIDE, width: width / SIDE, height: height / SIDE };
      const moved = moveInto(seen, region);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          const inside = picture[(top + y) * SIDE + left + x] === 0.9;
          expect([x, y, covers(moved, (x + 0.5) / width, (y + 0.5) / height)]).toEqual([x, y, inside]);
        }
      }
    }),
  );
});

test('a mask that lies inside is kept as it is; boxes and points are moved and kept inside', () => {
  const mask = { width: 2, height: 1, counts: [1, 1] };
  const keypoints = [{ name: 'nose', x: 0.5, y: 0.1, confidence: 0.9 }];
  const seen: Detection = { class_id: 0, class_name: 'a', confidence: 1, bbox: [0, 0.25, 1, 0.5], mask, keypoints };
  expect(moveInto(seen, { x: 0, y: 0.25, width: 1, height: 0.5 })).toEqual({
    ...seen,
    bbox: [0, 0, 1, 0.5],
    keypoints: [{ name: 'nose', x: 0.5, y: 0, confidence: 0.9 }],
  });
  expect(moveInto(seen, { x: 0, y: 0.25, width: 1, height: 0.5 }).mask).toBe(mask);
});
