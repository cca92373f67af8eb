import { messageOf, VigiaError } from '@vigia/base';
import {
  type Detection,
  WORKER_DATA_DEPTH,
  WORKER_DATA_LIMIT,
  type WorkerResult,
  workerResultSchema,
} from '@vigia/contracts';

/** Longest text of an error or a log line, in characters; the rest is cut off. */
export const TEXT_LIMIT = 4096;
const CODE_LIMIT = 64;
/**
 * Coordinates this far outside 0..1 are clamped to the frame: models overshoot for objects at the edge. Anything
 * further out is a mistake, such as pixels.
 */
const OUTSIDE_LIMIT = 0.1;

/** A worker's findings in a frame. */
export interface Answer {
  /** Coordinates are 0..1 of the frame; up to 0.1 outside is clamped. Default: none. */
  readonly detections?: readonly Detection[] | undefined;
  /** Any JSON value, at most 256 KiB and 16 levels deep. */
  readonly data?: unknown;
}

/** The first problem, with its path. */
export function sentenceOf(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  return `${issue?.path.map(String).join('.') || 'message'}: ${issue?.message ?? 'not as expected'}`;
}

/**
 * The answer to a frame that was processed.
 *
 * @throws VigiaError `bad_result` naming the field that the host would refuse.
 */
export function resultMessage(seq: number, { detections, data }: Answer): WorkerResult {
  const json = asJson(data);
  const parsed = workerResultSchema.safeParse({ type: 'result', seq, detections: within(detections), data: json });
  if (parsed.success) return parsed.data;
  throw new VigiaError('bad_result', `the result of frame ${seq}: ${sentenceOf(parsed.error)}`);
}

/** The answer to a frame without a result. Long texts are cut: an error must always get through. */
export function errorMessage(seq: number, message: string, code?: string): WorkerResult {
  const text = message.slice(0, TEXT_LIMIT);
  return { type: 'result', seq, error: code ? { code: code.slice(0, CODE_LIMIT), message: text } : text };
}

/** Detections with clamped coordinates. Callers in JavaScript may pass anything: the schema checks that. */
function within(detections: unknown): unknown {
  return mapped(detections, (detection) =>
    isFields(detection)
      ? {
          ...detection,
          bbox: mapped(detection['bbox'], clipped),
          ...('keypoints' in detection && { keypoints: mapped(detection['keypoints'], keypointWithin) }),
        }
      : detection,
  );
}

function keypointWithin(point: unknown): unknown {
  return isFields(point) ? { ...point, x: clipped(point['x']), y: clipped(point['y']) } : point;
}

function clipped(value: unknown): unknown {
  const slightly = typeof value === 'number' && value >= -OUTSIDE_LIMIT && value <= 1 + OUTSIDE_LIMIT;
  return slightly ? Math.min(1, Math.max(0, value)) : value;
}

function mapped(value: unknown, change: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : value;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The value as the host will read it: without functions and undefined, dates as text. The same for every transport. */
function asJson(data: unknown): unknown {
  if (data === undefined) return undefined;
  const text = toText(data);
  if (text === undefined) throw new VigiaError('bad_result', `data: JSON cannot say a ${typeof data}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > WORKER_DATA_LIMIT)
    throw new VigiaError('bad_result', `data: ${bytes} bytes of JSON, at most ${WORKER_DATA_LIMIT} are allowed`);
  const json: unknown = JSON.parse(text);
  checkDepth(json, 0);
  return json;
}

function checkDepth(value: unknown, depth: number): void {
  if (depth > WORKER_DATA_DEPTH)
    throw new VigiaError('bad_result', `data: nested deeper than ${WORKER_DATA_DEPTH} levels`);
  if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) checkDepth(item, depth + 1);
}

function toText(data: unknown): string | undefined {
  try {
    // Undefined for values that JSON cannot express, despite the declared type.
    return JSON.stringify(data, refuseUnsayable);
  } catch (error) {
    throw new VigiaError('bad_result', `data: JSON cannot say it: ${messageOf(error)}`, { cause: error });
  }
}

/** JSON.stringify would return null. */
function refuseUnsayable(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(key ? `${key} is ${value}` : `${value}`);
  return value;
}
