import type { Keypoint } from '@vigia/contracts';
import { scoreIsNoNumber } from './checked-output.ts';
import { COCO_KEYPOINTS } from './coco.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Values per body in the outputs of MoveNet: 17 times y, x and score. */
export const BODY_NUMBERS: number = COCO_KEYPOINTS.length * 3;

/**
 * Reads one body with all its points: the consumer decides which ones to trust, and each point keeps its place in the
 * list.
 *
 * @param values y, x (0..1 of the frame, possibly beyond it) and score, 17 times.
 * @param offset Index of the body in `values`.
 * @returns Clamped to 0..1, or undefined when a coordinate is NaN.
 * @throws VigiaError `inference_failed` when a score is NaN.
 */
export function readBody(values: Float32Array, offset: number): Keypoint[] | undefined {
  const isNone = (i: number): boolean => Number.isNaN(values[offset + i] ?? Number.NaN);
  for (let i = 2; i < BODY_NUMBERS; i += 3) if (isNone(i)) throw scoreIsNoNumber();
  for (let i = 0; i < BODY_NUMBERS; i++) if (isNone(i)) return undefined;
  const unit = (i: number): number => roundUnit(clampUnit(values[offset + i] ?? 0));
  return COCO_KEYPOINTS.map((name, k) => ({ name, x: unit(k * 3 + 1), y: unit(k * 3), confidence: unit(k * 3 + 2) }));
}
