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

/** Most points that one detection may have. The largest common set, whole-body COCO, has 133. */
export const KEYPOINTS_LIMIT = 256;
/** Longest side of a mask's grid, in cells: its run lengths, at worst one per cell, still fit into one message. */
export const MASK_SIDE_LIMIT = 256;

/** A named point of a body (or of anything else): `x` and `y` 0..1 of the picture that the context names. */
export const keypointSchema = z.object({ name: z.string().max(64), x: unit, y: unit, confidence: unit });
/** See {@link keypointSchema}. */
export type Keypoint = z.infer<typeof keypointSchema>;

/**
 * Which part of a detection's box belongs to it: a grid of `width` × `height` cells over `bbox`, line by line from the
 * upper left. `counts` are run lengths, outside and inside in turn, beginning with outside (0 when the first cell is
 * inside); their sum is `width * height`.
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

/** One object that a model saw. `keypoints` with the task pose, `mask` with segmentation. */
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
