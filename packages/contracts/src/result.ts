import { z } from 'zod';

/** AD3: the outcome of a delivered frame. An empty detection list only ever goes with `ok`. */
export const RESULT_STATUSES = ['ok', 'expired', 'timeout', 'unavailable', 'error'] as const;
/** See {@link RESULT_STATUSES}. */
export type ResultStatus = (typeof RESULT_STATUSES)[number];

const unit = z.number().min(0).max(1);

/** `[x_min, y_min, x_max, y_max]`, each 0..1 of the frame that the context names. */
export const bboxSchema = z.tuple([unit, unit, unit, unit]);
/** See {@link bboxSchema}. */
export type Bbox = z.infer<typeof bboxSchema>;

/** Most keypoints of one detection. The largest common set, whole-body COCO, has 133. */
export const KEYPOINTS_LIMIT = 256;
/** Longest side of a mask's grid, in cells: its run lengths, one per cell at worst, still fit into one message. */
export const MASK_SIDE_LIMIT = 256;

/** A named point of a body (or of another object): `x` and `y` 0..1 of the frame that the context names. */
export const keypointSchema = z.object({ name: z.string().max(64), x: unit, y: unit, confidence: unit });
/** See {@link keypointSchema}. */
export type Keypoint = z.infer<typeof keypointSchema>;

/**
 * The part of a detection's box that belongs to the object: a grid of `width` × `height` cells over `bbox`, row by row
 * from the upper left. `counts` are run lengths, alternately outside and inside, beginning with outside (0 when the
 * first cell is inside); their sum is `width * height`.
 */
export const maskSchema = z
  .object({
    width: z.int().min(1).max(MASK_SIDE_LIMIT),
    height: z.int().min(1).max(MASK_SIDE_LIMIT),
    counts: z.array(z.int().min(0)).max(MASK_SIDE_LIMIT * MASK_SIDE_LIMIT + 1),
  })
  .refine(
    (mask) => mask.counts.reduce((sum, count) => sum + count, 0) === mask.width * mask.height,
    'the run lengths of a mask add up to width × height',
  );
/** See {@link maskSchema}. */
export type Mask = z.infer<typeof maskSchema>;

/** One detected object. `keypoints` with the task pose, `mask` with segmentation. */
export const detectionSchema = z.object({
  class_id: z.int().min(0),
  class_name: z.string(),
  confidence: unit,
  bbox: bboxSchema,
  keypoints: z.array(keypointSchema).max(KEYPOINTS_LIMIT).optional(),
  mask: maskSchema.optional(),
});
/** See {@link detectionSchema}. */
export type Detection = z.infer<typeof detectionSchema>;
