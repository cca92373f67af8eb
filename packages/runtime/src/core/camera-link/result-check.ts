import {
  type Detection,
  KEYPOINTS_LIMIT,
  MASK_SIDE_LIMIT,
  type ResultMessage,
  resultMessageSchema,
} from '@vigia/contracts';
import { z } from 'zod';

/** The deepest nesting allowed in a worker's JSON. */
const DEPTH_LIMIT = 64;

/**
 * Validates a result that a camera process sends to the node. Accepts the same values as `resultMessageSchema`, but
 * checks the long parts with loops: the schema takes 130 µs for six poses and 3 ms for 10,000 numbers of a worker, and
 * the supervisor would pay that for every result of every camera.
 */
export const resultNoticeSchema: z.ZodType<ResultMessage> = resultMessageSchema.extend({
  detections: z.custom<Detection[]>(areDetections, 'detections as in the result schema').nullable(),
  data: z.custom<ResultMessage['data']>((value) => isJson(value, DEPTH_LIMIT), 'JSON').optional(),
});

function areDetections(value: unknown): boolean {
  return Array.isArray(value) && value.every(isDetection);
}

function isDetection(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { class_id: id, class_name: name, confidence, bbox, keypoints, mask } = value;
  return (
    isCount(id) &&
    typeof name === 'string' &&
    isShare(confidence) &&
    Array.isArray(bbox) &&
    bbox.length === 4 &&
    bbox.every(isShare) &&
    (keypoints === undefined || areKeypoints(keypoints)) &&
    (mask === undefined || isMask(mask))
  );
}

function areKeypoints(value: unknown): boolean {
  return Array.isArray(value) && value.length <= KEYPOINTS_LIMIT && value.every(isKeypoint);
}

function isKeypoint(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { name, x, y, confidence } = value;
  return typeof name === 'string' && name.length <= 64 && isShare(x) && isShare(y) && isShare(confidence);
}

function isMask(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { width, height, counts } = value;
  if (!isSide(width) || !isSide(height) || !Array.isArray(counts)) return false;
  let cells = 0;
  for (const count of counts as unknown[]) {
    if (!isCount(count)) return false;
    cells += count;
  }
  return cells === width * height && counts.length <= MASK_SIDE_LIMIT * MASK_SIDE_LIMIT + 1;
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === 0) return false;
  if (!Array.isArray(value) && !isRecord(value)) return false;
  return Object.values(value).every((inner) => isJson(inner, depth - 1));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSide(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= MASK_SIDE_LIMIT;
}
