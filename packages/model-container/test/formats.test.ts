import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Detection, inferResponseSchema, type PixelFormat, PIXEL_FORMATS } from '@vigia/contracts';
import { ModelStore } from '@vigia/model-container';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestContainer } from './support/container.ts';
import { TestClient } from './support/test-client.ts';

// The default model behind a real container: in any format and size of the picture, it detects the same people.
const PICTURE = new URL('../assets/golden/pedestrians.png', import.meta.url);
/** Tolerances of a box, in fractions of the frame, and of a confidence: scaling and colour conversion change pixels. */
const TOLERANCE = { edge: 0.02, confidence: 0.12 };

let container: TestContainer;
let client: TestClient;
let dir: string;
let path: string;
let expected: readonly Detection[];

beforeAll(async () => {
  const model = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  dir = mkdtempSync(join(tmpdir(), 'vigia-formats-'));
  const socket = join(dir, 'model.sock');
  path = join('/dev/shm', `vigia_test_${process.pid}_format`);
  container = new TestContainer(['--model-id', 'ssd', '--model', model.dir, '--socket', socket]);
  await container.ready();
  client = await TestClient.open(socket);
  expected = await look('RGB24', 300, 300, await rgb(300, 300));
});
afterAll(async () => {
  client.close();
  await container.kill();
  rmSync(dir, { recursive: true });
  rmSync(path, { force: true });
});

/** The picture in another size, packed RGB24. */
async function rgb(width: number, height: number): Promise<Buffer> {
  return sharp(readFileSync(PICTURE)).removeAlpha().resize(width, height, { fit: 'fill' }).raw().toBuffer();
}

/** Converts packed RGB24 to another format: BT.601, limited range; chroma is the mean of its pixels. */
function inFormat(format: PixelFormat, width: number, height: number, source: Buffer): Buffer {
  if (format === 'RGB24') return source;
  const at = (x: number, y: number, c: number): number =>
    source[(Math.min(y, height - 1) * width + Math.min(x, width - 1)) * 3 + c] ?? 0;
  if (format === 'BGR24') return Buffer.from(source.map((_, i) => source[i - (i % 3) + (2 - (i % 3))] ?? 0));
  const luma = (x: number, y: number): number =>
    16 + 0.2568 * at(x, y, 0) + 0.5041 * at(x, y, 1) + 0.0979 * at(x, y, 2);
  const lines = (step: number, value: (x: number, y: number) => number): number[] => {
    const out: number[] = [];
    for (let y = 0; y < height; y += step) for (let x = 0; x < width; x += step) out.push(Math.round(value(x, y)));
    return out;
  };
  if (format === 'GRAY8') return Buffer.from(lines(1, (x, y) => ((luma(x, y) - 16) * 255) / 219));
  const mean = (x: number, y: number, c: number): number =>
    (at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c)) / 4;
  const u = lines(2, (x, y) => 128 - 0.1482 * mean(x, y, 0) - 0.291 * mean(x, y, 1) + 0.4392 * mean(x, y, 2));
  const v = lines(2, (x, y) => 128 + 0.4392 * mean(x, y, 0) - 0.3678 * mean(x, y, 1) - 0.0714 * mean(x, y, 2));
  const chroma = format === 'I420' ? [...u, ...v] : u.flatMap((value, i) => [value, v[i] ?? 0]);
  return Buffer.from([...lines(1, luma), ...chroma]);
}

async function look(format: PixelFormat, width: number, height: number, pixels: Buffer): Promise<readonly Detection[]> {
  writeFileSync(path, pixels);
  const answer = inferResponseSchema.parse(
    await client.ask({
      model_id: 'ssd',
      camera_id: 'c',
      timestamp: 1,
      frame_reference: path,
      frame_metadata: { frame_id: 1, width, height, format },
    }),
  );
  expect(answer.error).toBeNull();
  return answer.detections ?? [];
}

/** Certain detections that are missing. */
function missing(found: readonly Detection[]): readonly Detection[] {
  return expected.filter(
    (wanted) =>
      wanted.confidence > 0.7 &&
      !found.some(
        (d) =>
          d.class_id === wanted.class_id &&
          Math.abs(d.confidence - wanted.confidence) <= TOLERANCE.confidence &&
          d.bbox.every((edge, i) => Math.abs(edge - (wanted.bbox[i] ?? 0)) <= TOLERANCE.edge),
      ),
  );
}

describe('the same people in every form', () => {
  // GRAY8 lacks the colours that the model was trained with, so it is compared only loosely.
  test.each(PIXEL_FORMATS.filter((format) => format !== 'GRAY8'))('%s at the size of the model', async (format) => {
    expect(expected.filter((d) => d.confidence > 0.7).length).toBeGreaterThanOrEqual(3);
    expect(missing(await look(format, 300, 300, inFormat(format, 300, 300, await rgb(300, 300))))).toEqual([]);
  });

  test('GRAY8: most of them', async () => {
    const found = await look('GRAY8', 300, 300, inFormat('GRAY8', 300, 300, await rgb(300, 300)));
    expect(found.filter((d) => d.class_name === 'person').length).toBeGreaterThanOrEqual(2);
  });

  test.each([
    [768, 576],
    [301, 299],
    [555, 333],
    [1920, 1080],
  ])('%i×%i, odd sizes and other proportions too', async (width, height) => {
    const picture = await rgb(width, height);
    for (const format of ['RGB24', 'NV12', 'I420'] as const)
      expect([format, missing(await look(format, width, height, inFormat(format, width, height, picture)))]).toEqual([
        format,
        [],
      ]);
  });

  test.each([
    [300, 1],
    [1, 300],
    [1, 1],
    [16_384, 1],
  ])('%i×%i pixels are looked at, and nothing is invented', async (width, height) => {
    for (const format of PIXEL_FORMATS)
      expect([
        format,
        await look(format, width, height, inFormat(format, width, height, await rgb(width, height))),
      ]).toEqual([format, []]);
  });
});
