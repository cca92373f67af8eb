import { messageOf, VigiaError } from '@vigia/base';
import { type Detection, detectionSchema } from '@vigia/contracts';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

/** A picture whose detections are known: proof that a model, its conversion and its runtime work here. */
export interface Golden {
  /** Name of a file beside the manifest: one packed RGB24 frame of the model's input size. */
  readonly file: string;
  /** Of that file, in hex. */
  readonly sha256: string;
  readonly detections: readonly Detection[];
  /** Least overlap of a detection with the expected one, 0..1. */
  readonly min_iou: number;
  /** Most difference of their confidences, 0..1. */
  readonly score_tolerance: number;
}

/** How the outputs of an SSD model become detections. */
export interface SsdDecoderSettings {
  readonly kind: 'ssd';
  /** Name of the output f32 [1, anchors, classes] with confidences 0..1. */
  readonly scores: string;
  /** Name of the output f32 [1, anchors, 1, 4] with y1, x1, y2, x2, 0..1 of the picture. */
  readonly boxes: string;
  readonly anchors: number;
  /** Least confidence that is reported, 0.05..1. */
  readonly score_threshold: number;
  /** Overlap from which two boxes of a class are one object, 0..1. */
  readonly iou_threshold: number;
  readonly max_detections: number;
}

/** What a model is fed: a graph input uint8 [1, height, width, 3]. */
export interface ModelInput {
  /** Name of the graph input. */
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: 'RGB24';
  /** How the camera's picture is brought to that size. */
  readonly fit: 'stretch' | 'letterbox';
}

/** `model.yaml`: all that a container must know to serve the `model.onnx` beside it. */
export interface ModelManifest {
  /** Version of this format. */
  readonly schema: 1;
  readonly id: string;
  /** 12 hex digits that change with anything that changes results: weights, classes, thresholds. */
  readonly version: string;
  /** Of `model.onnx`, in hex. */
  readonly sha256: string;
  /** SPDX id of the weights' licence. */
  readonly licence: string;
  /** Where the weights came from, for people. */
  readonly source: string;
  readonly task: 'detection';
  /** Name per class id; an empty one is a gap in the numbering. */
  readonly classes: readonly string[];
  readonly input: ModelInput;
  readonly decoder: SsdDecoderSettings;
  readonly golden?: Golden | undefined;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex is expected');
const share = z.number().min(0).max(1);
const pixels = z.int().min(1).max(4096);

const goldenSchema = z.strictObject({
  file: z.string().regex(/^\w[\w.-]*$/, 'the name of a file beside the manifest is expected'),
  sha256,
  detections: z.array(detectionSchema),
  min_iou: share,
  score_tolerance: share,
});

const decoderSchema = z.strictObject({
  kind: z.literal('ssd'),
  scores: z.string(),
  boxes: z.string(),
  anchors: z.int().min(1).max(100_000),
  // Below this nearly every box is a candidate, and the decoder would cost more than the model.
  score_threshold: share.min(0.05),
  iou_threshold: share,
  max_detections: z.int().min(1).max(1000),
});

const manifestSchema: z.ZodType<ModelManifest> = z.strictObject({
  schema: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/),
  version: z.string().regex(/^[0-9a-f]{12}$/),
  sha256,
  licence: z.string(),
  source: z.string(),
  task: z.literal('detection'),
  classes: z.array(z.string()).min(1).max(10_000),
  input: z.strictObject({
    name: z.string(),
    width: pixels,
    height: pixels,
    format: z.literal('RGB24'),
    fit: z.enum(['stretch', 'letterbox']),
  }),
  decoder: decoderSchema,
  golden: goldenSchema.optional(),
});

/** Names of the files of a model folder. */
export const MODEL_FILES = { manifest: 'model.yaml', onnx: 'model.onnx', golden: 'golden.rgb' } as const;

/**
 * Reads the text of a `model.yaml`.
 *
 * @param path For the error message.
 * @throws VigiaError `model_manifest` naming the field and what is expected.
 */
export function parseManifest(text: string, path: string): ModelManifest {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new VigiaError('model_manifest', `${path} is not YAML: ${messageOf(error)}`, { path, cause: error });
  }
  const result = manifestSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new VigiaError('model_manifest', `${path}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`, {
    path,
  });
}

/** The text of a `model.yaml`. */
export function formatManifest(manifest: ModelManifest): string {
  return stringify(manifest, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** Bytes of one packed RGB24 frame of the model's input. */
export function inputBytes(manifest: Pick<ModelManifest, 'input'>): number {
  return manifest.input.width * manifest.input.height * 3;
}
