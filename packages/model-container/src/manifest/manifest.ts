import { messageOf, VigiaError } from '@vigia/base';
import { type Detection, detectionSchema, ID_PATTERN, MASK_SIDE_LIMIT } from '@vigia/contracts';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

/** A picture with known detections: evidence that a model, its conversion and its runtime work here. */
export interface Golden {
  /** Name of a file beside the manifest: one packed RGB24 frame of the model's frame size. */
  readonly file: string;
  /** SHA-256 of that file, in hex. */
  readonly sha256: string;
  readonly detections: readonly Detection[];
  /** Least overlap of a detection with the expected one, 0..1. */
  readonly min_iou: number;
  /** Largest difference of their confidences, 0..1. */
  readonly score_tolerance: number;
}

/** How the outputs of an SSD model are decoded. */
export interface SsdDecoderSettings {
  readonly kind: 'ssd';
  /** Name of the output f32 [1, anchors, classes] with confidences 0..1. */
  readonly scores: string;
  /** Name of the output f32 [1, anchors, 1, 4] with y1, x1, y2, x2, 0..1 of the picture. */
  readonly boxes: string;
  readonly anchors: number;
  /** Least confidence of a reported detection, 0.05..1. */
  readonly score_threshold: number;
  /** Overlap above which two boxes of a class are the same object, 0..1. */
  readonly iou_threshold: number;
  readonly max_detections: number;
}

/** How the output of a YOLOv8 model is decoded: f32 [1, 4 + classes, anchors] with cx, cy, w, h in input pixels. */
export interface YoloDecoderSettings {
  readonly kind: 'yolov8';
  readonly output: string;
  readonly anchors: number;
  /** Least confidence of a reported detection, 0.05..1. */
  readonly score_threshold: number;
  /** Overlap above which two boxes of a class are the same object, 0..1. */
  readonly iou_threshold: number;
  readonly max_detections: number;
}

/** One person per picture: f32 [1, 1, 17, 3] with y, x and confidence of COCO's 17 points. */
export interface MovenetDecoderSettings {
  readonly kind: 'movenet';
  readonly output: string;
  /** Least mean confidence of the points of a reported body, 0..1. */
  readonly score_threshold: number;
}

/** Up to six people per picture: f32 [1, 6, 56], 17 points like {@link MovenetDecoderSettings}, a box and its confidence. */
export interface MultiposeDecoderSettings {
  readonly kind: 'movenet-multipose';
  readonly output: string;
  readonly score_threshold: number;
}

/** Foreground: f32 [1, 1, height, width], 0..1 per cell. */
export interface ForegroundDecoderSettings {
  readonly kind: 'foreground';
  readonly output: string;
  /** Least probability of a foreground cell, 0..1. */
  readonly threshold: number;
  /** Longest side of the reported mask, cells, at most 256. */
  readonly grid: number;
}

/** A decoder that came with the model: a JavaScript module beside the manifest (`DecoderModule` in `#decoders`). */
export interface ModuleDecoderSettings {
  readonly kind: 'module';
  readonly file: string;
  /** SHA-256 of that file, in hex: a file that has changed since the model was added is not run. */
  readonly sha256: string;
}

/** How outputs are decoded, by `kind`. */
export type DecoderSettings =
  | SsdDecoderSettings
  | YoloDecoderSettings
  | MovenetDecoderSettings
  | MultiposeDecoderSettings
  | ForegroundDecoderSettings
  | ModuleDecoderSettings;

/** How a frame is brought to another size: `stretch` changes the proportions, `letterbox` keeps them and pads. */
export type Fit = 'stretch' | 'letterbox';

/** The input of a network: a graph input of `width` × `height` pixels with 3 channels. */
export interface ModelInput {
  /** Name of the graph input. */
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: 'RGB24';
  /** How the camera's frame is brought to that size. */
  readonly fit: Fit;
  /** [N, height, width, 3] or [N, 3, height, width]. Default `NHWC`. */
  readonly layout?: 'NHWC' | 'NCHW' | undefined;
  /** Element type. Default `uint8`: then `mean` and `scale` are not applied. */
  readonly type?: 'uint8' | 'int32' | 'float32' | undefined;
  /** Order of the channels. Default `RGB`. */
  readonly order?: 'RGB' | 'BGR' | undefined;
  /** Per channel in `order`; the network's input is `(pixel − mean) × scale`, pixels being 0..255. Default 0. */
  readonly mean?: readonly [number, number, number] | undefined;
  /** See `mean`. Default 1. */
  readonly scale?: readonly [number, number, number] | undefined;
  /** Most frames of one run, for a graph with an open first dimension. Default 1. */
  readonly max_batch?: number | undefined;
}

/** The frame size for consumers, when it differs from the network's input: large enough to crop from. */
export interface FrameSize {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly fit: Fit;
}

/** The network analyses crops found by a detector. The detector's model folder is `detector/` beside the manifest. */
export interface CropSettings {
  /** The class of the detector that is cropped. */
  readonly class: string;
  /** Margin around a box on each side, as a fraction of its longer side, 0..1. */
  readonly margin: number;
  /** Most crops per frame, best first. */
  readonly max: number;
}

/** A network on a server of the Open Inference Protocol (KServe v2). */
export interface RemoteSettings {
  /** `http(s)://host[:port]`, without path and credentials: the token is `VIGIA_REMOTE_TOKEN`. */
  readonly url: string;
  /** The model's name on the server. */
  readonly model: string;
  readonly version?: string | undefined;
}

/** Measurements on the machine where the model was added. */
export interface Speed {
  /** Median milliseconds per frame, by batch size. */
  readonly ms_per_picture: Readonly<Record<string, number>>;
  /** Milliseconds of one run with one frame. */
  readonly p99_ms: number;
  readonly threads: number;
  readonly provider: string;
}

/** `model.yaml`: everything a container must know to serve the `model.onnx` beside it. */
export interface ModelManifest {
  /** Version of this format. */
  readonly schema: 1;
  readonly id: string;
  /** 12 hex digits that change with everything that affects results: weights, classes, thresholds. */
  readonly version: string;
  /** SHA-256 of `model.onnx`, in hex; of nothing for a remote model. */
  readonly sha256: string;
  /** SPDX id of the weights' licence. */
  readonly licence: string;
  /** Where the weights came from, for display. */
  readonly source: string;
  readonly task: ModelTask;
  /** Name per class id; an empty name is a gap in the numbering. */
  readonly classes: readonly string[];
  readonly input: ModelInput;
  readonly decoder: DecoderSettings;
  readonly frame?: FrameSize | undefined;
  readonly crops?: CropSettings | undefined;
  readonly remote?: RemoteSettings | undefined;
  readonly golden?: Golden | undefined;
  /** Peak memory measured in a container of this model, MiB. */
  readonly memory_mib?: number | undefined;
  readonly speed?: Speed | undefined;
}

/** What a model detects. */
export const MODEL_TASKS = ['detection', 'pose', 'segmentation'] as const;
/** See {@link MODEL_TASKS}. */
export type ModelTask = (typeof MODEL_TASKS)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex is expected');
const share = z.number().min(0).max(1);
const pixels = z.int().min(1).max(4096);

const fileName = z.string().regex(/^\w[\w.-]*$/, 'the name of a file beside the manifest is expected');

const goldenSchema = z.strictObject({
  file: fileName,
  sha256,
  detections: z.array(detectionSchema),
  min_iou: share,
  score_tolerance: share,
});

// Below this, nearly every box is a candidate, and the decoder would cost more than the model.
const scoreThreshold = share.min(0.05);
const maxDetections = z.int().min(1).max(1000);
const anchors = z.int().min(1).max(100_000);
const fit = z.enum(['stretch', 'letterbox']);

const decoderSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ssd'),
    scores: z.string(),
    boxes: z.string(),
    anchors,
    score_threshold: scoreThreshold,
    iou_threshold: share,
    max_detections: maxDetections,
  }),
  z.strictObject({
    kind: z.literal('yolov8'),
    output: z.string(),
    anchors,
    score_threshold: scoreThreshold,
    iou_threshold: share,
    max_detections: maxDetections,
  }),
  z.strictObject({ kind: z.literal('movenet'), output: z.string(), score_threshold: share }),
  z.strictObject({ kind: z.literal('movenet-multipose'), output: z.string(), score_threshold: share }),
  z.strictObject({
    kind: z.literal('foreground'),
    output: z.string(),
    threshold: share,
    grid: z.int().min(1).max(MASK_SIDE_LIMIT),
  }),
  z.strictObject({ kind: z.literal('module'), file: fileName, sha256 }),
]);

const triple = z.tuple([z.number(), z.number(), z.number()]);
const inputSchema = z.strictObject({
  name: z.string(),
  width: pixels,
  height: pixels,
  format: z.literal('RGB24'),
  fit,
  layout: z.enum(['NHWC', 'NCHW']).optional(),
  type: z.enum(['uint8', 'int32', 'float32']).optional(),
  order: z.enum(['RGB', 'BGR']).optional(),
  mean: triple.optional(),
  scale: triple.optional(),
  max_batch: z.int().min(1).max(64).optional(),
});

const remoteSchema = z.strictObject({
  url: z.string().regex(/^https?:\/\/[^\s@/]+$/, 'an address like http://host:8000 is expected'),
  model: z.string().regex(/^[\w.-]{1,128}$/),
  version: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
});

const manifestSchema: z.ZodType<ModelManifest> = z.strictObject({
  schema: z.literal(1),
  id: z.string().regex(ID_PATTERN),
  version: z.string().regex(/^[0-9a-f]{12}$/),
  sha256,
  licence: z.string(),
  source: z.string(),
  task: z.enum(MODEL_TASKS),
  classes: z.array(z.string()).min(1).max(10_000),
  input: inputSchema,
  decoder: decoderSchema,
  frame: z.strictObject({ width: pixels, height: pixels, fit }).optional(),
  crops: z.strictObject({ class: z.string(), margin: share, max: z.int().min(1).max(32) }).optional(),
  remote: remoteSchema.optional(),
  golden: goldenSchema.optional(),
  memory_mib: z.number().positive().optional(),
  speed: z
    .strictObject({
      ms_per_picture: z.record(z.string(), z.number().positive()),
      p99_ms: z.number().positive(),
      threads: z.int().min(1),
      provider: z.string(),
    })
    .optional(),
});

/** Names of the files in a model folder. */
export const MODEL_FILES = {
  manifest: 'model.yaml',
  onnx: 'model.onnx',
  golden: 'golden.rgb',
  detector: 'detector',
} as const;

/**
 * Parses the text of a `model.yaml`.
 *
 * @param path For the error message.
 * @throws VigiaError `model_manifest` naming the field and the expected value.
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

/** Formats a `model.yaml`. */
export function formatManifest(manifest: ModelManifest): string {
  return stringify(manifest, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** The frame size that consumers should send to a model. */
export function frameOf({ frame, input }: Pick<ModelManifest, 'frame' | 'input'>): FrameSize {
  return frame ?? { width: input.width, height: input.height, fit: input.fit };
}

/** Bytes of one packed RGB24 frame of that size. */
export function frameBytes(manifest: Pick<ModelManifest, 'frame' | 'input'>): number {
  const { width, height } = frameOf(manifest);
  return width * height * 3;
}
