import fc from 'fast-check';
import { expect, test } from 'vitest';
import { squareGeometry, turnRight, wholeFromSquare } from './region-look.ts';

const WANTED = { width: 300, height: 300, format: 'RGB24' } as const;

test('a square inside the picture fills the rendition', () => {
  const geometry = squareGeometry({ x: 0.5, y: 0.5, side: 0.5 }, 640, 480, WANTED);
  expect(geometry).toMatchObject({
    crop: { x: 120, y: 120, width: 240, height: 240 },
    content: { x: 0, y: 0, width: 300, height: 300 },
  });
});

test('what reaches over the edges is padded, not pushed inside', () => {
  const geometry = squareGeometry({ x: 0, y: 1, side: 0.5 }, 640, 480, WANTED);
  expect(geometry).toMatchObject({
    crop: { x: 0, y: 360, width: 120, height: 120 },
    content: { x: 150, y: 0, width: 150, height: 150 },
    padding: 0,
  });
});

test('a square outside the picture is none', () => {
  expect(squareGeometry({ x: 5, y: 0.5, side: 0.5 }, 640, 480, WANTED)).toBeUndefined();
  expect(squareGeometry({ x: Number.NaN, y: 0.5, side: 0.5 }, 640, 480, WANTED)).toBeUndefined();
});

test('crop and content are always inside the picture and the rendition', () => {
  const share = fc.double({ min: -1, max: 3, noNaN: true });
  fc.assert(
    fc.property(share, share, fc.double({ min: 0.001, max: 4, noNaN: true }), (x, y, side) => {
      const geometry = squareGeometry({ x, y, side }, 642, 480, WANTED);
      if (!geometry) return;
      const { crop, content } = geometry;
      for (const [at, length, limit] of [
        [crop.x, crop.width, 642],
        [crop.y, crop.height, 480],
        [content.x, content.width, 300],
        [content.y, content.height, 300],
      ] as const) {
        expect(at).toBeGreaterThanOrEqual(0);
        expect(length).toBeGreaterThanOrEqual(1);
        expect(at + length).toBeLessThanOrEqual(limit);
      }
      expect([crop.x % 2, crop.y % 2]).toEqual([0, 0]);
    }),
  );
});

test('turning to the right: the left column becomes the first row, from below', () => {
  const into = Buffer.alloc(6);
  // a b c      d a
  // d e f  →   e b
  //            f c
  turnRight(Buffer.from('abcdef'), into, 2, 3, 1);
  expect(into.toString()).toBe('daebfc');
  const pixels = Buffer.alloc(12);
  turnRight(Buffer.from('a1b2c3d4e5f6'), pixels, 2, 3, 2);
  expect(pixels.toString()).toBe('d4a1e5b2f6c3');
});

test('boxes of a turned square are where the pixels came from', () => {
  const square = { x: 0.6, y: 0.5, side: 0.4 };
  expect(wholeFromSquare([0, 0, 1, 1], square, 0, 1)).toEqual([0.4, 0.3, 0.8, 0.7].map((one) => expect.closeTo(one)));
  expect(wholeFromSquare([0, 0, 1, 1], square, 90, 1)).toEqual([0.4, 0.3, 0.8, 0.7].map((one) => expect.closeTo(one)));
  // The left upper corner of what the model sees was the left lower one.
  expect(wholeFromSquare([0, 0, 0.25, 0.5], square, 90, 1)).toEqual(
    [0.4, 0.6, 0.6, 0.7].map((one) => expect.closeTo(one)),
  );
  // Shares of the width are not shares of the height, and nothing is outside the picture.
  expect(wholeFromSquare([0, 0, 1, 1], { x: 0.1, y: 0.9, side: 0.4 }, 0, 2)).toEqual(
    [0, 0.7, 0.15, 1].map((one) => expect.closeTo(one)),
  );
});
