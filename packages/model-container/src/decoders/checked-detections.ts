import { VigiaError } from '@vigia/base';
import { type Detection, detectionSchema } from '@vigia/contracts';

/** Most detections of one frame: with 17 points each they still fit into one message (1 MiB). */
const DETECTIONS_LIMIT = 300;
/** Tolerance beyond 0..1 for rounding. */
const ROUNDING = 1e-3;

/**
 * Validates detections of third-party code: a violation of the protocol is an error and never passed on.
 *
 * @param whose For the message: `the decoder of model x`.
 * @throws VigiaError `inference_failed` naming the problem.
 */
export function checkedDetections(value: unknown, whose: string): Detection[] {
  if (!Array.isArray(value)) throw wrong(whose, `returned ${describe(value)}, a list of detections is expected`);
  if (value.length > DETECTIONS_LIMIT)
    throw wrong(whose, `returned ${value.length} detections, at most ${DETECTIONS_LIMIT} are possible`);
  return value.map((item: unknown, i): Detection => {
    const parsed = detectionSchema.safeParse(rounded(item));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw wrong(whose, `returned a wrong detection: [${i}].${issue?.path.join('.')}: ${issue?.message}`);
    }
    const [x0, y0, x1, y1] = parsed.data.bbox;
    if (x1 < x0 || y1 < y0)
      throw wrong(whose, `returned a wrong detection: [${i}].bbox: x_min, y_min, x_max, y_max are expected`);
    return parsed.data;
  });
}

function wrong(whose: string, what: string): VigiaError<'inference_failed'> {
  return new VigiaError('inference_failed', `${whose} ${what}`);
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
}

function rounded(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || !('bbox' in item) || !Array.isArray(item.bbox)) return item;
  return { ...item, bbox: item.bbox.map(nearUnit) };
}

function nearUnit(value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (value < 0 && value >= -ROUNDING) return 0;
  return value > 1 && value <= 1 + ROUNDING ? 1 : value;
}
