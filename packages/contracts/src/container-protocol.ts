import { z } from 'zod';
import { type ResultStatus, detectionSchema } from './result.ts';

/** Version of the model container protocol (docs/protocol/model-container.md). */
export const CONTAINER_PROTOCOL_VERSION = 1;
/** Largest message in bytes, without its length prefix. */
export const CONTAINER_MESSAGE_LIMIT = 1024 * 1024;
/** Lowest `faint_from` of an `infer` request: below it nearly every box of a network is a detection. 0..1. */
export const FAINT_FROM_MIN = 0.05;
/** Most detections in `faint` of an answer to `infer`. */
export const FAINT_LIMIT = 64;
const FAINT_FROM_RANGE = `a number from ${FAINT_FROM_MIN} to 1 is expected`;

/** Pixel formats of a frame. Strides are part of the frame. */
export const PIXEL_FORMATS = ['NV12', 'I420', 'RGB24', 'BGR24', 'GRAY8'] as const;
/** See {@link PIXEL_FORMATS}. */
export type PixelFormat = (typeof PIXEL_FORMATS)[number];

/** Every code a container may answer with. */
export const CONTAINER_ERROR_CODES = [
  'bad_request',
  'unknown_model',
  'frame_not_found',
  'frame_expired',
  'frame_invalid',
  'overloaded',
  'closing',
  'grant_expired',
  'deadline_exceeded',
  'inference_failed',
] as const;
/** See {@link CONTAINER_ERROR_CODES}. */
export type ContainerErrorCode = (typeof CONTAINER_ERROR_CODES)[number];

/** Maps error codes of a container to result statuses of the client. */
export function statusOfContainerError(code: ContainerErrorCode): Exclude<ResultStatus, 'ok'> {
  switch (code) {
    case 'frame_expired':
    case 'grant_expired':
      return 'expired';
    case 'deadline_exceeded':
      return 'timeout';
    case 'overloaded':
    case 'closing':
      return 'unavailable';
    default:
      return 'error';
  }
}

/** A 64-bit number as a decimal string. */
export const u64Schema = z.string().regex(/^\d{1,20}$/, 'a decimal string is expected');
const size = z.int().min(1).max(16_384);

/**
 * Where the pixels are. With `slot`, the reference is a frame segment; without it, a plain file that holds exactly one
 * tightly packed frame (the original contract).
 */
export const frameMetadataSchema = z.object({
  frame_id: z.int().min(0),
  width: size,
  height: size,
  format: z.enum(PIXEL_FORMATS),
  slot: z.int().min(0).max(4095).optional(),
  generation: u64Schema.optional(),
  epoch: u64Schema.optional(),
  /** Bytes from the start of the segment to the first pixel. */
  offset: z.int().min(0).optional(),
  /** Bytes per line of each plane. */
  strides: z.array(z.int().min(1)).max(3).optional(),
  captured_monotonic_ns: u64Schema.optional(),
  /** How the frame was made from the camera's: for the log, not for arithmetic. */
  rendition: z.string().max(128).optional(),
});
/** See {@link frameMetadataSchema}. */
export type FrameMetadata = z.infer<typeof frameMetadataSchema>;

const id = z.string().min(1).max(128);
/** Identifies a request on its connection. zod and this protocol count code points of a text. */
export const requestIdSchema = z.string().min(1).max(64);
const requestId = requestIdSchema;

/** `infer`: the default when `op` is absent. */
export const inferRequestSchema = z.object({
  op: z.literal('infer').optional(),
  request_id: requestId.optional(),
  model_id: id,
  camera_id: id,
  /** Wall time in seconds (the original contract). */
  timestamp: z.number(),
  /** Milliseconds from receipt until the answer is useless. */
  deadline_ms: z.number().positive().optional(),
  frame_reference: z.string().min(1).max(512),
  frame_metadata: frameMetadataSchema,
  /** The id of the grant that this request uses up. */
  grant: z.string().max(64).optional(),
  /**
   * Also wanted, in `faint`: detections below the model's own threshold, from this confidence on, 0.05..1. Absent: none.
   */
  faint_from: z.number(FAINT_FROM_RANGE).min(FAINT_FROM_MIN, FAINT_FROM_RANGE).max(1, FAINT_FROM_RANGE).optional(),
});
/** See {@link inferRequestSchema}. */
export type InferRequest = z.infer<typeof inferRequestSchema>;

/** `want`: a due frame is pending. Answered by a grant when it is this key's turn. */
export const wantRequestSchema = z.object({
  op: z.literal('want'),
  request_id: requestId,
  model_id: id,
  camera_id: id,
  consumer: id,
});
/** See {@link wantRequestSchema}. */
export type WantRequest = z.infer<typeof wantRequestSchema>;

/** `unwant`: withdraws this connection's `want` of the same camera and consumer. */
export const unwantRequestSchema = z.object({
  op: z.literal('unwant'),
  request_id: requestId.optional(),
  model_id: id,
  camera_id: id,
  consumer: id,
});

/** `describe` and `health`: answered while inference runs. */
export const describeRequestSchema = z.object({ op: z.literal('describe'), request_id: requestId.optional() });
/** See {@link describeRequestSchema}. */
export const healthRequestSchema = z.object({ op: z.literal('health'), request_id: requestId.optional() });

/** `{code, message}` of a failure. */
export const containerErrorSchema = z.object({ code: z.enum(CONTAINER_ERROR_CODES), message: z.string() });
/** See {@link containerErrorSchema}. */
export type ContainerError = z.infer<typeof containerErrorSchema>;

/** Answer to `infer`. `detections` is null exactly when `error` is not. */
export const inferResponseSchema = z.object({
  request_id: requestId.optional(),
  model_id: z.string(),
  camera_id: z.string(),
  frame_id: z.int(),
  detections: z.array(detectionSchema).nullable(),
  /**
   * Detections from `faint_from` on and below the model's own threshold, strongest first. Absent when the request has no
   * `faint_from`, with an error, and when the model cannot give them.
   */
  faint: z.array(detectionSchema).max(FAINT_LIMIT).optional(),
  metadata: z
    .object({
      inference_time_ms: z.number().min(0),
      queue_ms: z.number().min(0).optional(),
      batch_size: z.int().min(1).optional(),
      model_version: z.string().optional(),
    })
    .optional(),
  error: containerErrorSchema.nullable(),
});
/** See {@link inferResponseSchema}. */
export type InferResponse = z.infer<typeof inferResponseSchema>;

/** Answer to `want`. `expires_ms` counts from receipt. */
export const grantResponseSchema = z.object({
  request_id: requestId,
  grant: z.object({ id: z.string(), expires_ms: z.number().positive() }).nullable(),
  error: containerErrorSchema.nullable(),
});
/** See {@link grantResponseSchema}. */
export type GrantResponse = z.infer<typeof grantResponseSchema>;

/** What a container can do. */
export const describeResponseSchema = z.object({
  request_id: requestId.optional(),
  protocol: z.literal(CONTAINER_PROTOCOL_VERSION),
  model_id: z.string(),
  model_version: z.string(),
  task: z.enum(['detection', 'pose', 'segmentation']),
  classes: z.array(z.string()),
  input: z.object({
    width: size,
    height: size,
    formats: z.array(z.enum(PIXEL_FORMATS)),
    fit: z.enum(['stretch', 'letterbox']),
  }),
  max_batch: z.int().min(1),
  providers: z.array(z.string()),
  error: z.null(),
});
/** See {@link describeResponseSchema}. */
export type DescribeResponse = z.infer<typeof describeResponseSchema>;

/** State of health of a container. */
export const healthResponseSchema = z.object({
  request_id: requestId.optional(),
  state: z.enum(['starting', 'ready', 'failing']),
  uptime_ms: z.number().min(0),
  counters: z.object({
    requests: z.int().min(0),
    ok: z.int().min(0),
    errors: z.int().min(0),
    batches: z.int().min(0),
    grants: z.int().min(0),
    grants_expired: z.int().min(0),
  }),
  inference_ms: z.object({ p50: z.number(), p99: z.number() }),
  last_error: z.string().nullable(),
  error: z.null(),
});
/** See {@link healthResponseSchema}. */
export type HealthResponse = z.infer<typeof healthResponseSchema>;
