import { PIXEL_FORMATS, type PixelFormat } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { geometryOf, WHOLE, wholeFromRendition } from './geometry.ts';

const roi = fc
  .record({
    x: fc.double({ min: 0, max: 0.8, noNaN: true }),
    y: fc.double({ min: 0, max: 0.8, noNaN: true }),
    w: fc.double({ min: 0.1, max: 1, noNaN: true }),
    h: fc.double({ min: 0.1, max: 1, noNaN: true }),
  })
  .map(({ x, y, w, h }) => ({ x, y, width: Math.min(w, 1 - x), height: Math.min(h, 1 - y) }));
const spec = fc
  .record({
    width: fc.integer({ min: 16, max: 640 }),
    height: fc.integer({ min: 16, max: 640 }),
    fit: fc.constantFrom('stretch' as const, 'letterbox' as const),
    format: fc.constantFrom(...PIXEL_FORMATS),
  })
  // Formats with subsampled chroma need even sizes.
  .map(({ width, height, fit, format }) => {
    const mask = halved(format) ? ~1 : ~0;
    return { width: width & mask, height: height & mask, fit, format };
  });

function halved(format: PixelFormat): boolean {
  return format === 'NV12' || format === 'I420';
}

describe('geometry', () => {
  test('crops lie inside the picture on even pixels, content inside the rendition', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 4096 }),
        fc.integer({ min: 16, max: 2160 }),
        roi,
        spec,
        (w, h, region, s) => {
          const { crop, content } = geometryOf(w, h, region, s);
          expect(crop.x % 2).toBe(0);
          expect(crop.y % 2).toBe(0);
          expect(crop.width).toBeGreaterThan(0);
          expect(crop.height).toBeGreaterThan(0);
          expect(crop.x + crop.width).toBeLessThanOrEqual(w);
          expect(crop.y + crop.height).toBeLessThanOrEqual(h);
          expect(content.x + content.width).toBeLessThanOrEqual(s.width);
          if (halved(s.format))
            expect([content.x % 2, content.y % 2, content.width % 2, content.height % 2]).toEqual([0, 0, 0, 0]);
          expect(content.y + content.height).toBeLessThanOrEqual(s.height);
        },
      ),
    );
  });

  test('a box goes to the rendition and comes back to the same place', () => {
    fc.assert(
      fc.property(
        roi,
        spec,
        fc.tuple(...Array.from({ length: 2 }, () => fc.double({ min: 0, max: 1, noNaN: true }))),
        (region, s, [u, v]) => {
          const [W, H] = [1920, 1080];
          const g = geometryOf(W, H, region, s);
          // Maps a point of the crop forward by hand and back by the function.
          const px = g.crop.x + (u as number) * g.crop.width;
          const py = g.crop.y + (v as number) * g.crop.height;
          const rx = (g.content.x + ((px - g.crop.x) / g.crop.width) * g.content.width) / s.width;
          const ry = (g.content.y + ((py - g.crop.y) / g.crop.height) * g.content.height) / s.height;
          const [x, y] = wholeFromRendition([rx, ry, rx, ry], g, W, H);
          expect(x).toBeCloseTo(px / W, 6);
          expect(y).toBeCloseTo(py / H, 6);
        },
      ),
    );
  });

  test('letterbox of 16:9 in a square: content in the middle', () => {
    expect(
      geometryOf(1920, 1080, WHOLE, { width: 640, height: 640, fit: 'letterbox', format: 'RGB24' }).content,
    ).toEqual({
      x: 0,
      y: 140,
      width: 640,
      height: 360,
    });
  });

  test('a whole picture of odd size stays whole', () => {
    expect(geometryOf(641, 361, WHOLE, { width: 300, height: 300, fit: 'stretch', format: 'RGB24' }).crop).toEqual({
      x: 0,
      y: 0,
      width: 641,
      height: 361,
    });
  });
});
