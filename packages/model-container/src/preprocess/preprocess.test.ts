import type { PixelFormat } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packedLayout, type RawFrame } from '#frames';
import type { ModelInput } from '#manifest';
import { contentOf, type Crop, InputFiller, PADDING } from './fill-input.ts';
import { tapsOf } from './taps.ts';
import { inputArray, layoutOf } from './tensor-writer.ts';

const FORMATS = ['RGB24', 'BGR24', 'NV12', 'I420', 'GRAY8'] as const;

/** BT.601, limited range: the inverse of the code under test. */
function yuvOf([r, g, b]: readonly number[]): [number, number, number] {
  const [red = 0, green = 0, blue = 0] = [r, g, b];
  return [
    16 + 0.256_788 * red + 0.504_129 * green + 0.097_906 * blue,
    128 - 0.148_223 * red - 0.290_993 * green + 0.439_216 * blue,
    128 + 0.439_216 * red - 0.367_788 * green - 0.071_427 * blue,
  ];
}

/**
 * A frame of any format whose pixel at (x, y) is `colour(x, y)`; chroma is sampled at the upper left of each 2 × 2
 * block.
 */
function frameOf(
  format: PixelFormat,
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly number[],
): RawFrame {
  const { planes, byteLength } = packedLayout(format, width, height);
  const pixels = new Uint8Array(byteLength);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const rgb = colour(x, y);
      const [luma, u, v] = yuvOf(rgb);
      const set = (plane: number, at: number, value: number): void => {
        pixels[(planes[plane]?.offset ?? 0) + at] = Math.round(value);
      };
      if (format === 'RGB24' || format === 'BGR24') {
        for (let c = 0; c < 3; c += 1) set(0, (y * width + x) * 3 + c, rgb[format === 'RGB24' ? c : 2 - c] ?? 0);
      } else set(0, y * width + x, format === 'GRAY8' ? (rgb[1] ?? 0) : luma);
      if (x % 2 || y % 2) continue;
      const half = Math.ceil(width / 2);
      const at = (y / 2) * half + x / 2;
      if (format === 'NV12') {
        set(1, 2 * at, u);
        set(1, 2 * at + 1, v);
      } else if (format === 'I420') {
        set(1, at, u);
        set(2, at, v);
      }
    }
  }
  return { width, height, format, planes, pixels };
}

function filled(frame: RawFrame, more: Partial<ModelInput> = {}, crop?: Crop): { numbers: number[]; content: Crop } {
  const input: ModelInput = { name: 'i', width: 4, height: 4, format: 'RGB24', fit: 'stretch', ...more };
  const into = inputArray(input, 1);
  const content = new InputFiller(layoutOf(input), input.fit).fillRow(frame, into, 0, crop);
  return { numbers: [...into], content };
}

const plain = (rgb: readonly number[]) => (): readonly number[] => rgb;

describe('one pass from a frame to an input', () => {
  test('the same size and format is a copy, also of padded lines', () => {
    const frame = frameOf('RGB24', 4, 4, (x, y) => [x, y, x * y]);
    const packed = [...frame.pixels];
    expect(filled(frame).numbers).toEqual(packed);
    const padded = new Uint8Array(4 * 20).fill(255);
    for (let y = 0; y < 4; y += 1) padded.set(frame.pixels.subarray(y * 12, y * 12 + 12), y * 20);
    expect(filled({ ...frame, pixels: padded, planes: [{ offset: 0, stride: 20 }] }).numbers).toEqual(packed);
  });

  test.each(FORMATS)('%s of any size, odd ones too, gives the colour that it shows', (format) => {
    const side = fc.integer({ min: 1, max: 37 });
    const channel = fc.integer({ min: 20, max: 235 });
    fc.assert(
      fc.property(side, side, channel, channel, channel, (width, height, r, g, b) => {
        const rgb = format === 'GRAY8' ? [g, g, g] : [r, g, b];
        const { numbers } = filled(frameOf(format, width, height, plain(rgb)));
        for (let i = 0; i < numbers.length; i += 1)
          expect(Math.abs((numbers[i] ?? 0) - (rgb[i % 3] ?? 0))).toBeLessThanOrEqual(3);
      }),
    );
  });

  test('enlarging and reducing keep a ramp a ramp', () => {
    for (const width of [3, 4, 7, 16, 61]) {
      const { numbers } = filled(frameOf('GRAY8', width, 2, (x) => [0, (200 * (x + 0.5)) / width, 0]));
      const line = numbers.slice(0, 12).filter((_, i) => i % 3 === 0);
      for (const [i, expected] of [25, 75, 125, 175].entries())
        expect(Math.abs((line[i] ?? 0) - expected)).toBeLessThan(200 / width / 2 + 9);
    }
  });

  test('a crop of one line, at the edge and over it, is what lies there', () => {
    const frame = frameOf('RGB24', 8, 8, (_, y) => [y * 10, 0, 0]);
    const red = (crop: Crop): number[] => filled(frame, {}, crop).numbers.filter((_, i) => i % 12 === 0);
    // Its neighbour above still contributes a little: pixels inside the frame are interpolated.
    expect(red({ x: 0, y: 7, width: 8, height: 1 })).toEqual([66, 69, 70, 70]);
    expect(red({ x: 0, y: 6, width: 8, height: 4 })).toEqual([60, 70, 70, 70]);
  });

  test('float inputs get (pixel − mean) × scale, planar and in the order that was asked for', () => {
    const { numbers } = filled(frameOf('RGB24', 5, 3, plain([10, 20, 30])), {
      width: 2,
      height: 1,
      type: 'float32',
      layout: 'NCHW',
      order: 'BGR',
      mean: [1, 2, 3],
      scale: [2, 1, 0.5],
    });
    expect(numbers.map((value) => Math.round(value * 1000) / 1000)).toEqual([58, 58, 18, 18, 3.5, 3.5]);
  });

  test('letterboxing keeps the proportions and pads with grey', () => {
    const { numbers, content } = filled(frameOf('RGB24', 8, 4, plain([200, 200, 200])), { fit: 'letterbox' });
    expect(content).toEqual({ x: 0, y: 1, width: 4, height: 2 });
    const line = (y: number): number[] => numbers.slice(y * 12, y * 12 + 12);
    expect([line(0), line(3)]).toEqual([Array(12).fill(PADDING), Array(12).fill(PADDING)]);
    expect([line(1), line(2)]).toEqual([Array(12).fill(200), Array(12).fill(200)]);
  });

  test('padding at the sides overwrites earlier content', () => {
    const input: ModelInput = { name: 'i', width: 5, height: 3, format: 'RGB24', fit: 'letterbox' };
    const into = inputArray(input, 1);
    const filler = new InputFiller(layoutOf(input), 'letterbox');
    filler.fillRow(frameOf('RGB24', 5, 3, plain([9, 9, 9])), into, 0);
    expect(filler.fillRow(frameOf('RGB24', 2, 6, plain([200, 200, 200])), into, 0)).toEqual({
      x: 2,
      y: 0,
      width: 1,
      height: 3,
    });
    const line = [PADDING, PADDING, 200, PADDING, PADDING].flatMap((value) => [value, value, value]);
    expect([...into]).toEqual([...line, ...line, ...line]);
  });

  test('row by row: one picture never touches another of its batch', () => {
    const input: ModelInput = { name: 'i', width: 2, height: 2, format: 'RGB24', fit: 'letterbox', type: 'float32' };
    const into = inputArray(input, 3);
    const filler = new InputFiller(layoutOf(input), 'letterbox');
    filler.fillRow(frameOf('GRAY8', 9, 3, plain([0, 50, 0])), into, 1);
    expect([...into.subarray(0, 12), ...into.subarray(24)]).toEqual(Array(24).fill(0));
    expect([...into.subarray(12, 24)].map(Math.round).every((value) => value === 50 || value === PADDING)).toBe(true);
  });
});

describe('arithmetic', () => {
  test('taps are inside the picture and their weights add up to one', () => {
    const start = fc.double({ min: -20, max: 40, noNaN: true });
    const length = fc.double({ min: 0.5, max: 90, noNaN: true });
    fc.assert(
      fc.property(
        start,
        length,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        (from, span, target, limit) => {
          const { count, index, weight } = tapsOf(from, span, target, limit);
          expect(index).toHaveLength(count * target);
          for (let i = 0; i < target; i += 1) {
            const sum = weight.subarray(count * i, count * i + count).reduce((a, b) => a + b, 0);
            expect(sum).toBeCloseTo(1, 4);
          }
          for (const at of index) expect(at >= 0 && at < limit).toBe(true);
        },
      ),
    );
  });

  test('letterboxed content lies inside, touches two opposite sides, and keeps the proportions to a pixel', () => {
    const side = fc.integer({ min: 1, max: 400 });
    fc.assert(
      fc.property(side, side, side, side, (width, height, inputWidth, inputHeight) => {
        const crop = { x: 0, y: 0, width, height };
        const content = contentOf(crop, { width: inputWidth, height: inputHeight }, 'letterbox');
        expect(content.x >= 0 && content.y >= 0).toBe(true);
        expect(content.x + content.width <= inputWidth && content.y + content.height <= inputHeight).toBe(true);
        expect(content.width === inputWidth || content.height === inputHeight).toBe(true);
        const scale = Math.min(inputWidth / width, inputHeight / height);
        expect(Math.abs(content.width - Math.max(1, width * scale))).toBeLessThanOrEqual(1);
        expect(Math.abs(content.height - Math.max(1, height * scale))).toBeLessThanOrEqual(1);
      }),
    );
  });
});
