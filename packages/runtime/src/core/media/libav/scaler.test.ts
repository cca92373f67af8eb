import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { packedBytes, PIXEL_FORMATS, type PixelFormat } from '@vigia/contracts';
import { afterAll, describe, expect, test } from 'vitest';
import { type Geometry, geometryOf, type RenditionSpec, WHOLE } from '#core/media';
import { emptyFrame, PAINTED, paintedFrame } from '../../../../test/support/painted-picture.ts';
import { Picture } from './picture.ts';
import { FrameScaler } from './scaler.ts';

const { width: WIDTH, height: HEIGHT } = PAINTED;

function picture(): Picture {
  const stamps = { capturedMs: 0, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
  return new Picture(paintedFrame(), stamps, (freed) => freed.free());
}

const source = picture();
const scaler = new FrameScaler([]);
afterAll(() => {
  scaler.close();
  source.release();
});

function rendered(spec: RenditionSpec): Buffer {
  const pixels = Buffer.alloc(packedBytes(spec.format, spec.width, spec.height), 7);
  scaler.scale(source, geometryOf(WIDTH, HEIGHT, WHOLE, spec), pixels);
  return pixels;
}

const spec = (
  format: PixelFormat,
  width = 160,
  height = 120,
  fit: RenditionSpec['fit'] = 'stretch',
): RenditionSpec => ({
  format,
  width,
  height,
  fit,
});

describe('formats', () => {
  // libav uses different code for each, with differences of a few levels.
  test('BGR24 is RGB24 with the channels reversed', () => {
    const rgb = rendered(spec('RGB24'));
    const bgr = rendered(spec('BGR24'));
    expect(worst(rgb, (i) => bgr[i - (i % 3) + 2 - (i % 3)])).toBeLessThanOrEqual(4);
  });

  test('NV12 is I420 with interleaved chroma', () => {
    const planar = rendered(spec('I420'));
    const nv12 = rendered(spec('NV12'));
    const luma = 160 * 120;
    expect(nv12.subarray(0, luma).equals(planar.subarray(0, luma))).toBe(true);
    const chroma = luma / 4;
    for (let i = 0; i < chroma; i += 97) {
      expect(nv12[luma + 2 * i]).toBe(planar[luma + i]);
      expect(nv12[luma + 2 * i + 1]).toBe(planar[luma + chroma + i]);
    }
    // Luma increases to the right and chroma downwards, as painted.
    expect(planar[60 * 160 + 80]).toBeCloseTo(16 + 219 / 2, -1);
    expect(planar[luma + 30 * 80 + 40]).toBeCloseTo(64 + 60, -1);
    expect(planar[luma + chroma + 30 * 80 + 40]).toBeCloseTo(192 - 60, -1);
  });

  test('GRAY8 is full-range luma', () => {
    const grey = rendered(spec('GRAY8'));
    const row = [...grey.subarray(60 * 160, 61 * 160)];
    expect(row.every((value, i) => i === 0 || value >= (row[i - 1] ?? 0) - 1)).toBe(true);
    expect(Math.max(...row) - Math.min(...row)).toBeGreaterThan(200);
  });

  test.each(PIXEL_FORMATS)('%s in a letterbox: everything is written, the edges are grey', (format) => {
    const pixels = rendered(spec(format, 160, 160, 'letterbox'));
    const inLine = format === 'RGB24' || format === 'BGR24' ? 480 : 160;
    // 160×120 in the middle: 20 lines above and below.
    for (const line of [0, 19, 140, 159]) expect(pixels[line * inLine + inLine / 2]).toBe(114);
    expect(pixels[20 * inLine]).not.toBe(114);
    if (format === 'NV12' || format === 'I420') expect(pixels[160 * 160]).toBe(128);
    expect(pixels.filter((byte) => byte === 7).length).toBeLessThan(pixels.length / 100);
  });

  test('alternating formats and sizes do not affect each other', () => {
    const before = PIXEL_FORMATS.map((format) => rendered(spec(format, 96, 64)));
    const after = PIXEL_FORMATS.map((format) => rendered(spec(format, 96, 64)));
    expect(after).toEqual(before);
  });

  test('a buffer that is too small is an error, and nothing is written', () => {
    const small = Buffer.alloc(packedBytes('NV12', 160, 120) - 1, 7);
    expect(() => scaler.scale(source, geometryOf(WIDTH, HEIGHT, WHOLE, spec('NV12')), small)).toThrow(
      /a buffer of 28799 bytes/,
    );
    expect(small.every((byte) => byte === 7)).toBe(true);
  });
});

describe('libav writes past the end of lines; nothing of it is left', () => {
  const GUARD = 256;
  /** Content anywhere in the rendition, which is between guards. */
  function guarded(
    content: Geometry['content'],
    format: PixelFormat,
    slack: number,
  ): { pixels: Buffer; guards: Buffer } {
    const [width, height] = [100, 60];
    const bytes = packedBytes(format, width, height);
    const memory = Buffer.alloc(bytes + 2 * GUARD, 7);
    const crop = { x: 0, y: 0, width: WIDTH, height: HEIGHT };
    const into = memory.subarray(GUARD, GUARD + bytes + slack);
    scaler.scale(source, { width, height, crop, content, padding: 0, format }, into);
    const guards = Buffer.concat([memory.subarray(0, GUARD), memory.subarray(GUARD + bytes + slack)]);
    return { pixels: memory.subarray(GUARD, GUARD + bytes), guards };
  }

  test.each(PIXEL_FORMATS)('%s', (format) => {
    for (const content of [
      { x: 0, y: 0, width: 100, height: 60 },
      { x: 0, y: 10, width: 100, height: 40 },
      { x: 14, y: 20, width: 86, height: 40 },
      { x: 0, y: 0, width: 50, height: 60 },
    ]) {
      const exact = guarded(content, format, 0);
      const roomy = guarded(content, format, 128);
      expect(exact.guards.every((byte) => byte === 7)).toBe(true);
      expect(roomy.guards.every((byte) => byte === 7)).toBe(true);
      expect(exact.pixels.equals(roomy.pixels)).toBe(true);
      const sample = packedBytes(format, 100, 1) >= 300 ? 3 : 1;
      const { x, y, width, height } = content;
      const outside = exact.pixels.subarray(0, 100 * 60 * sample).filter((_, i) => {
        const [column, line] = [Math.floor(i / sample) % 100, Math.floor(i / sample / 100)];
        return column < x || column >= x + width || line < y || line >= y + height;
      });
      expect(outside.every((byte) => byte === 0)).toBe(true);
    }
  });
});

function worst(values: Buffer, other: (i: number) => number | undefined): number {
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - (other(i) ?? Number.NaN))), 0);
}

test('whole pictures are scaled without Buffers for their pixels: the collector would run every 20 pictures', async () => {
  const stamps = { capturedMs: 0, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
  const geometry = geometryOf(1_920, 1_080, WHOLE, spec('RGB24'));
  const pixels = Buffer.alloc(packedBytes('RGB24', 160, 120));
  const { collections, end } = collectionsFromNow();
  for (let n = 0; n < 400; n += 1) {
    const large = new Picture(emptyFrame(1_920, 1_080), stamps, (freed) => freed.free());
    scaler.scale(large, geometry, pixels);
    large.release();
  }
  await end();
  expect(collections.length).toBeLessThan(4);
});

/** Full collections that V8 chose to do. They are reported late, in their order: `end` asks for one, and resolves with its report. */
function collectionsFromNow(): { readonly collections: readonly object[]; readonly end: () => Promise<void> } {
  const collections: object[] = [];
  let ended = (): void => undefined;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind, flags = 0 } = (entry as unknown as { detail: { kind: number; flags?: number } }).detail;
      if (kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue;
      if (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) ended();
      else collections.push(entry);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const end = async (): Promise<void> => {
    const reported = new Promise<void>((resolve) => (ended = resolve));
    setFlagsFromString('--expose-gc');
    runInNewContext('gc()');
    await reported;
    observer.disconnect();
  };
  return { collections, end };
}
