import { packedBytes, type PixelFormat } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Geometry, geometryOf, type RenditionSpec, squareGeometry, WHOLE } from '#core/media';
import { Blackout, type Outline } from './blackout.ts';

const SEEN = 77;
const SOURCE = { width: 640, height: 360 };

/** Luma, or the first byte of a pixel, of a rendition in which everything was seen before. */
function blackened(outlines: readonly Outline[], geometry: Geometry): Buffer {
  const pixels = Buffer.alloc(packedBytes(geometry.format, geometry.width, geometry.height), SEEN);
  new Blackout(outlines, geometry, SOURCE.width, SOURCE.height).apply(pixels);
  return pixels;
}

/** Where a pixel's middle is, in shares of the camera's picture. */
function placeOf(x: number, y: number, { crop, content }: Geometry): readonly [number, number] {
  const across = crop.x + ((x + 0.5 - content.x) * crop.width) / content.width;
  const down = crop.y + ((y + 0.5 - content.y) * crop.height) / content.height;
  return [across / SOURCE.width, down / SOURCE.height];
}

function isInside(outline: Outline, [x, y]: readonly [number, number]): boolean {
  let inside = false;
  outline.forEach(([x1, y1], i) => {
    const [x2, y2] = outline[(i + 1) % outline.length] as readonly [number, number];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  });
  return inside;
}

/** Between a point and the nearest edge, in pixels of the rendition. */
function distanceTo(outline: Outline, at: readonly [number, number], { crop, content }: Geometry): number {
  const scaled = ([x, y]: readonly [number, number]): [number, number] => [
    (x * SOURCE.width * content.width) / crop.width,
    (y * SOURCE.height * content.height) / crop.height,
  ];
  const [px, py] = scaled(at);
  return Math.min(
    ...outline.map((corner, i) => {
      const [x1, y1] = scaled(corner);
      const [x2, y2] = scaled(outline[(i + 1) % outline.length] as readonly [number, number]);
      const [dx, dy] = [x2 - x1, y2 - y1];
      const length = dx * dx + dy * dy;
      const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / length));
      return Math.hypot(px - x1 - t * dx, py - y1 - t * dy);
    }),
  );
}

/** Of one byte per pixel, or of the first of three. */
const BYTES: Readonly<Record<PixelFormat, number>> = { RGB24: 3, BGR24: 3, GRAY8: 1, NV12: 1, I420: 1 };
const FORMATS = Object.keys(BYTES) as PixelFormat[];
const BLACK: Readonly<Record<PixelFormat, number>> = { RGB24: 0, BGR24: 0, GRAY8: 0, NV12: 16, I420: 16 };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const anyOutline = fc.array(fc.tuple(share, share), { minLength: 3, maxLength: 8 });
const anyGeometry = fc
  .record({
    format: fc.constantFrom(...FORMATS),
    fit: fc.constantFrom<RenditionSpec['fit']>('stretch', 'letterbox'),
    roi: fc.constantFrom(WHOLE, { x: 0.25, y: 0.1, width: 0.5, height: 0.6 }),
    square: fc.option(fc.record({ x: share, y: share, side: fc.double({ min: 0.1, max: 1.5, noNaN: true }) })),
  })
  .map(({ format, fit, roi, square }): Geometry | undefined => {
    const size = { width: 60, height: 48, format };
    if (square) return squareGeometry(square, SOURCE.width, SOURCE.height, size);
    return geometryOf(SOURCE.width, SOURCE.height, roi, { ...size, fit });
  });

test('whatever is inside any outline is black, in any rendition; what is far from all of them is as it was', () => {
  fc.assert(
    fc.property(fc.array(anyOutline, { minLength: 1, maxLength: 3 }), anyGeometry, (outlines, geometry) => {
      if (!geometry) return;
      const { width, height, format, content } = geometry;
      const pixels = blackened(outlines, geometry);
      for (let y = content.y; y < Math.min(height, content.y + content.height); y += 1)
        for (let x = content.x; x < Math.min(width, content.x + content.width); x += 1) {
          const at = placeOf(x, y, geometry);
          const seen = pixels[(y * width + x) * BYTES[format]];
          if (outlines.some((outline) => isInside(outline, at))) expect(seen).toBe(BLACK[format]);
          else if (outlines.every((outline) => distanceTo(outline, at, geometry) > 6)) expect(seen).toBe(SEEN);
        }
    }),
    { numRuns: 200 },
  );
});

describe('a rectangle', () => {
  const half: Outline = [
    [0, 0],
    [0.5, 0],
    [0.5, 1],
    [0, 1],
  ];
  const spec = { width: 64, height: 36, fit: 'stretch' } as const;

  test.each(FORMATS)('in %s: every byte of its pixels, and the colour of those beside', (format) => {
    const geometry = geometryOf(SOURCE.width, SOURCE.height, WHOLE, { ...spec, format });
    const pixels = blackened([half], geometry);
    const bytes = BYTES[format];
    const row = [...pixels.subarray(10 * 64 * bytes, 11 * 64 * bytes)];
    // And one more: scaling mixes neighbours.
    expect(new Set(row.slice(0, 33 * bytes))).toEqual(new Set([BLACK[format]]));
    expect(new Set(row.slice(36 * bytes))).toEqual(new Set([SEEN]));
    if (format !== 'NV12' && format !== 'I420') return;
    const perSample = format === 'NV12' ? 2 : 1;
    const width = 32 * perSample;
    for (let at = 64 * 36; at < pixels.length; at += width) {
      const chroma = [...pixels.subarray(at, at + width)];
      expect(new Set(chroma.slice(0, 16 * perSample))).toEqual(new Set([128]));
      expect(new Set(chroma.slice(18 * perSample))).toEqual(new Set([SEEN]));
    }
  });

  test('outside of what a rendition shows changes nothing', () => {
    const geometry = geometryOf(
      SOURCE.width,
      SOURCE.height,
      { x: 0.75, y: 0, width: 0.25, height: 1 },
      { ...spec, format: 'RGB24' },
    );
    expect(new Set(blackened([half], geometry))).toEqual(new Set([SEEN]));
  });

  test('that is everything leaves nothing', () => {
    const all: Outline = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ];
    const geometry = geometryOf(SOURCE.width, SOURCE.height, WHOLE, { ...spec, format: 'RGB24' });
    expect(new Set(blackened([all], geometry))).toEqual(new Set([0]));
  });
});

test('a line that is thinner than a pixel is black', () => {
  const line: Outline = [
    [0.1, 0.5],
    [0.9, 0.5001],
    [0.9, 0.5002],
  ];
  const geometry = geometryOf(SOURCE.width, SOURCE.height, WHOLE, {
    width: 64,
    height: 36,
    fit: 'stretch',
    format: 'GRAY8',
  });
  const pixels = blackened([line], geometry);
  for (let x = 8; x < 56; x += 1) expect(pixels[18 * 64 + x]).toBe(0);
});
