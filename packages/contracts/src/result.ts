import { z } from 'zod';

/** AD3: how a delivered frame ended. An empty detection list only ever goes with `ok`. */
export const RESULT_STATUSES = ['ok', 'expired', 'timeout', 'unavailable', 'error'] as const;
/** See {@link RESULT_STATUSES}. */
export type ResultStatus = (typeof RESULT_STATUSES)[number];

const unit = z.number().min(0).max(1);

/** `[x_min, y_min, x_max, y_max]`, each 0..1 of the picture that the context names. */
export const bboxSchema = z.tuple([unit, unit, unit, unit]);
/** See {@link bboxSchema}. */
export type Bbox = z.infer<typeof bboxSchema>;

/** One object that a model saw. */
export const detectionSchema = z.object({
  class_id: z.int().min(0),
  class_name: z.string(),
  confidence: unit,
  bbox: bboxSchema,
});
/** See {@link detectionSchema}. */
export type Detection = z.infer<typeof detectionSchema>;
