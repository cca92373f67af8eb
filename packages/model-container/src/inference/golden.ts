import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, VigiaError } from '@vigia/base';
import { type Bbox, decodeRunLengths, type Detection, type Keypoint, type Mask } from '@vigia/contracts';
import { intersectionOverUnion } from '#decoders';
import { packedLayout } from '#frames';
import { type DecoderSettings, frameBytes, type Golden } from '#manifest';
import type { Model, ModelSettings, OpenedModel } from '#model';
import { resultOf } from './result-of.ts';
import type { Probe } from './runner.ts';

/** Tolerated distance of a point from its expected position, in fractions of the frame. */
const POINT_TOLERANCE = 0.03;
/** Points below this score are not compared: the model itself is unsure. */
const POINT_CONFIDENCE = 0.4;
const GREY = 128;

/** Result of a probe. */
export interface ProbeResult extends Probe {
  readonly detections: readonly Detection[];
}

/**
 * Runs a model once, on its golden picture (or on a grey one, when it has none), and compares.
 *
 * @throws VigiaError `model_golden` naming the first missing or unexpected detection; `model_integrity` when the
 *   picture is not the one in the manifest.
 */
export async function probe({ model, manifest }: OpenedModel, settings: ModelSettings): Promise<ProbeResult> {
  const golden = manifest?.golden;
  const { width, height } = model.facts.frame;
  if (!manifest || !golden || settings.source.kind !== 'folder') {
    return lookAt(model, new Uint8Array(width * height * 3).fill(GREY));
  }
  const { dir } = settings.source;
  const result = await lookAt(model, await goldenPixels(dir, golden, frameBytes(manifest)));
  const problem = compareWithGolden(result.detections, golden, thresholdOf(manifest.decoder));
  if (problem)
    throw new VigiaError('model_golden', `${manifest.id} fails on its golden picture: ${problem}`, { path: dir });
  return result;
}

/**
 * One run on one packed RGB24 picture of the model's frame size.
 *
 * @throws VigiaError `inference_failed` when the model returns no result; the model's own exceptions.
 */
export async function lookAt(model: Model, pixels: Uint8Array): Promise<ProbeResult> {
  const { width, height } = model.facts.frame;
  const { planes } = packedLayout('RGB24', width, height);
  const startMs = performance.now();
  model.take(0, { width, height, format: 'RGB24', planes, pixels });
  const { detections } = resultOf(await model.run(1), 0);
  return { detections, inferenceMs: performance.now() - startMs };
}

/** The least confidence that a decoder reports; 0 where only its author knows. */
export function thresholdOf(decoder: DecoderSettings): number {
  if ('score_threshold' in decoder) return decoder.score_threshold;
  return decoder.kind === 'foreground' ? decoder.threshold : 0;
}

async function goldenPixels(dir: string, golden: Golden, bytes: number): Promise<Uint8Array> {
  const path = join(dir, golden.file);
  let pixels: Buffer;
  try {
    pixels = await readFile(path);
  } catch (error) {
    throw new VigiaError('model_integrity', `the golden picture cannot be read: ${messageOf(error)}`, {
      path,
      cause: error,
    });
  }
  const sha256 = createHash('sha256').update(pixels).digest('hex');
  if (sha256 === golden.sha256 && pixels.byteLength === bytes) return pixels;
  const found = `${sha256.slice(0, 12)}… (${pixels.byteLength} bytes)`;
  throw new VigiaError(
    'model_integrity',
    `${path}: SHA-256 ${golden.sha256.slice(0, 12)}… (${bytes} bytes) is expected, found ${found}`,
    { path },
  );
}

/**
 * Compares detections with the expected ones: each expected one must be present, and no others except borderline ones
 * (within the tolerance above the threshold).
 *
 * @returns undefined when they match, else a description of the first difference.
 */
export function compareWithGolden(found: readonly Detection[], golden: Golden, threshold: number): string | undefined {
  const left = new Set(found);
  for (const expected of golden.detections) {
    const match = [...left].find((detection) => agrees(detection, expected, golden));
    if (match) left.delete(match);
    else if (expected.confidence >= threshold + golden.score_tolerance) return `missing: ${describe(expected)}`;
  }
  const extra = [...left].find((detection) => detection.confidence > threshold + golden.score_tolerance);
  return extra && `not expected: ${describe(extra)}`;
}

function agrees(found: Detection, expected: Detection, golden: Golden): boolean {
  return (
    found.class_id === expected.class_id &&
    Math.abs(found.confidence - expected.confidence) <= golden.score_tolerance &&
    overlap(found.bbox, expected.bbox) >= golden.min_iou &&
    pointsAgree(found.keypoints, expected.keypoints) &&
    masksAgree(found.mask, expected.mask, golden.min_iou)
  );
}

function overlap(a: Bbox, b: Bbox): number {
  return intersectionOverUnion(Float32Array.from([a, b].flatMap(([x1, y1, x2, y2]) => [y1, x1, y2, x2])), 0, 1);
}

function pointsAgree(found: readonly Keypoint[] = [], expected: readonly Keypoint[] = []): boolean {
  return expected
    .filter((point) => point.confidence >= POINT_CONFIDENCE)
    .every((point) => {
      const same = found.find((other) => other.name === point.name);
      return same !== undefined && Math.hypot(same.x - point.x, same.y - point.y) <= POINT_TOLERANCE;
    });
}

/** Masks of matching boxes: compares cells, for any grid size. */
function masksAgree(found: Mask | undefined, expected: Mask | undefined, minIou: number): boolean {
  if (!expected) return true;
  if (!found) return false;
  const cells = ({ counts, width, height }: Mask): Uint8Array => decodeRunLengths(counts, width * height);
  const [a, b] = [cells(found), cells(expected)];
  let both = 0;
  let either = 0;
  for (let y = 0; y < expected.height; y += 1) {
    for (let x = 0; x < expected.width; x += 1) {
      const column = Math.floor(((x + 0.5) * found.width) / expected.width);
      const line = Math.floor(((y + 0.5) * found.height) / expected.height);
      const inA = a[line * found.width + column] === 1;
      const inB = b[y * expected.width + x] === 1;
      if (inA && inB) both += 1;
      if (inA || inB) either += 1;
    }
  }
  return either === 0 || both / either >= minIou;
}

function describe(detection: Detection): string {
  return `${detection.class_name} ${detection.confidence.toFixed(2)} at ${detection.bbox.map((edge) => edge.toFixed(3)).join(' ')}`;
}
