import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, VigiaError } from '@vigia/base';
import type { Bbox, Detection } from '@vigia/contracts';
import { intersectionOverUnion } from '#decoders';
import type { RunResult } from '#inference';
import type { Golden, ModelManifest } from '#manifest';
import type { ModelSession } from './session.ts';

/**
 * Runs the model once on its golden picture (or, when it has none, on a grey one) and compares.
 *
 * @param dir The model's folder.
 * @throws VigiaError `model_golden` naming the first detection that is missing or too many; `model_integrity` when the
 *   picture is not the one that the manifest means.
 */
export async function probe(session: ModelSession, dir: string, manifest: ModelManifest): Promise<RunResult> {
  const golden = manifest.golden;
  if (!golden) {
    session.input.fill(128);
    return session.run();
  }
  session.input.set(await goldenPixels(dir, golden, session.input.byteLength));
  const result = await session.run();
  const problem = compareWithGolden(result.detections, golden, manifest.decoder.score_threshold);
  if (problem)
    throw new VigiaError('model_golden', `${manifest.id} fails on its golden picture: ${problem}`, { path: dir });
  return result;
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
 * Compares detections with the expected ones: each expected one must be there, and nothing else that is not borderline
 * (within the tolerance above the threshold).
 *
 * @returns undefined when they agree, else what is wrong, for people.
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
    overlap(found.bbox, expected.bbox) >= golden.min_iou
  );
}

function overlap(a: Bbox, b: Bbox): number {
  return intersectionOverUnion(Float32Array.from([a, b].flatMap(([x1, y1, x2, y2]) => [y1, x1, y2, x2])), 0, 1);
}

function describe(detection: Detection): string {
  return `${detection.class_name} ${detection.confidence.toFixed(2)} at ${detection.bbox.map((edge) => edge.toFixed(3)).join(' ')}`;
}
