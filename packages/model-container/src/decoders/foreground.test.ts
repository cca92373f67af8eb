import { decodeRunLengths, detectionSchema } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ForegroundDecoder } from './foreground.ts';

const GRID = 128;
const decoder = (width: number, height: number, minArea = 0): ForegroundDecoder =>
  new ForegroundDecoder({ className: 'foreground', width, height, threshold: 0.5, grid: GRID, minArea });

test('box, mask and mean probability of what is above the threshold', () => {
  const picture = [
    [0.1, 0.4, 0.0, 0.2],
    [0.1, 0.9, 0.5, 0.2],
    [0.1, 0.4, 0.7, 0.2],
    [0.1, 0.1, 0.0, 0.2],
  ];
  expect(decoder(4, 4).decode(Float32Array.from(picture.flat()))).toEqual([
    {
      class_id: 0,
      class_name: 'foreground',
      confidence: 0.7,
      bbox: [0.25, 0.25, 0.75, 0.75],
      mask: { width: 2, height: 2, counts: [0, 2, 1, 1] },
    },
  ]);
});

test('nothing above the threshold, too little of it, or scattered pixels are no detection', () => {
  const few = Float32Array.from({ length: 100 }, (_, i) => (i < 3 ? 0.9 : 0));
  expect(decoder(10, 10).decode(new Float32Array(100))).toEqual([]);
  expect(decoder(10, 10, 0.04).decode(few)).toEqual([]);
  expect(decoder(10, 10, 0.03).decode(few)).toHaveLength(1);
  const side = GRID * 4;
  const corners = new Float32Array(side * side);
  corners[0] = corners[corners.length - 1] = 1;
  expect(decoder(side, side).decode(corners)).toEqual([]);
});

test('a probability that is no number is a failure, not background', () => {
  const hole = new Float32Array(100).with(57, Number.NaN);
  expect(() => decoder(10, 10).decode(hole)).toThrow('numbers that are no numbers');
});

test('a mask finer than the grid is made coarser and keeps its area', () => {
  const side = 1000;
  const inside = (x: number, y: number): boolean => (x - 500) ** 2 + (y - 480) ** 2 < 400 ** 2;
  const circle = Float32Array.from({ length: side * side }, (_, i) =>
    inside(i % side, Math.floor(i / side)) ? 0.8 : 0.1,
  );
  const [found] = decoder(side, side).decode(circle);
  expect(found).toMatchObject({ confidence: 0.8, bbox: [0.101, 0.081, 0.9, 0.88] });
  const mask = found?.mask ?? expect.fail('there is no mask');
  expect([mask.width, mask.height]).toEqual([GRID, GRID]);
  const cells = decodeRunLengths(mask.counts, mask.width * mask.height);
  const share = cells.reduce((sum, cell) => sum + cell, 0) / cells.length;
  expect(share).toBeCloseTo(Math.PI / 4, 2);
});

test('a decoder can be used again: nothing of an earlier picture is left', () => {
  const one = decoder(20, 20);
  const corner = Float32Array.from({ length: 400 }, (_, i) => (i % 20 > 9 && i >= 200 ? 0.9 : 0));
  const first = one.decode(corner);
  expect(one.decode(new Float32Array(400).fill(1))).toMatchObject([{ mask: { counts: [0, 400] } }]);
  expect(one.decode(corner)).toEqual(first);
});

test('for any output the detection is valid, and in small pictures the mask is exact', () => {
  const any = fc.oneof(fc.float({ noDefaultInfinity: false, noNaN: true }), fc.float({ min: 0, max: 1, noNaN: true }));
  const sizes = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }));
  const pictures = sizes.chain(([width, height]) =>
    fc.tuple(
      fc.constant(width),
      fc.constant(height),
      fc.array(any, { minLength: width * height, maxLength: width * height }),
    ),
  );
  fc.assert(
    fc.property(pictures, ([width, height, values]) => {
      const picture = Float32Array.from(values);
      const [found] = decoder(width, height).decode(picture);
      const above = picture.filter((value) => value >= 0.5).length;
      if (!found?.mask) {
        expect(above).toBe(0);
        return;
      }
      expect(detectionSchema.parse(found)).toEqual(found);
      const cells = decodeRunLengths(found.mask.counts, found.mask.width * found.mask.height);
      expect(cells.reduce((sum, cell) => sum + cell, 0)).toBe(above);
    }),
  );
});
