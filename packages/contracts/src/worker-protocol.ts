import { z } from 'zod';
import { PIXEL_FORMATS, u64Schema } from './container-protocol.ts';
import { detectionSchema } from './result.ts';

/** Version of the worker protocol (docs/protocol/worker.md). */
export const WORKER_PROTOCOL_VERSION = 1;
/** Largest message of a worker in bytes, without its length prefix. */
export const WORKER_MESSAGE_LIMIT = 1024 * 1024;
/** Most messages of a worker within a second; more is a flood, which is a protocol error. */
export const WORKER_MESSAGES_PER_SECOND = 2_000;
/** Most detections of one result. */
export const WORKER_DETECTIONS_LIMIT = 10_000;
/** Largest `data` of a result, in bytes of JSON. */
export const WORKER_DATA_LIMIT = 256 * 1024;
/** Deepest nesting in the `data` of a result: a value inside `n` lists and maps is at depth `n`, `data` itself at 0. */
export const WORKER_DATA_DEPTH = 16;

/** How a worker receives pixels: as bytes on its standard input, or as a reference into shared memory. */
export const WORKER_TRANSPORTS = ['stdin', 'shm'] as const;
/** See {@link WORKER_TRANSPORTS}. */
export type WorkerTransport = (typeof WORKER_TRANSPORTS)[number];

/** Formats that a worker may request: a pixel format, or compressed frames (only over `stdin`). */
export const WORKER_FORMATS = [...PIXEL_FORMATS, 'JPEG'] as const;
/** See {@link WORKER_FORMATS}. */
export type WorkerFormat = (typeof WORKER_FORMATS)[number];

const side = z.int().min(2).max(8192);

/**
 * The frames that a worker wants: at most what the configuration's `input` allows. Omitted members keep the configured
 * value.
 */
export const workerWantsSchema = z.object({
  format: z.enum(WORKER_FORMATS).optional(),
  width: side.optional(),
  height: side.optional(),
});
/** See {@link workerWantsSchema}. */
export type WorkerWants = z.infer<typeof workerWantsSchema>;

/** Worker → host: once, within the start timeout. */
export const workerReadySchema = z.object({
  type: z.literal('ready'),
  protocol: z.int(),
  name: z.string().min(1).max(128),
  wants: workerWantsSchema.optional(),
});

/** Why a worker has no result for a frame. A plain string is a message with the code `worker_error`. */
export const workerErrorSchema = z.union([
  z.string().max(4096),
  z.object({ code: z.string().min(1).max(64).default('worker_error'), message: z.string().max(4096) }),
]);

/** Worker → host: exactly one per frame. Boxes are 0..1 of the frame that was sent. */
export const workerResultSchema = z.object({
  type: z.literal('result'),
  seq: z.int().min(1),
  detections: z.array(detectionSchema).max(WORKER_DETECTIONS_LIMIT).optional(),
  /** Any JSON value. */
  data: z.unknown().optional(),
  error: workerErrorSchema.nullish(),
});
/** See {@link workerResultSchema}. */
export type WorkerResult = z.infer<typeof workerResultSchema>;

/** Worker → host: a line for the log. */
export const workerLogSchema = z.object({
  type: z.literal('log'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
});

/** Worker → host: still busy with its frame, or still loading. */
export const workerHeartbeatSchema = z.object({ type: z.literal('heartbeat') });

/** Every message of a worker. */
export const fromWorkerSchema = z.discriminatedUnion('type', [
  workerReadySchema,
  workerResultSchema,
  workerLogSchema,
  workerHeartbeatSchema,
]);
/** See {@link fromWorkerSchema}. */
export type FromWorker = z.infer<typeof fromWorkerSchema>;

/** Where the pixels are, over shared memory. */
export const workerRefSchema = z.object({
  path: z.string(),
  epoch: u64Schema,
  slot: z.int().min(0),
  generation: u64Schema,
  /** Bytes from the start of the segment to the first pixel. */
  offset: z.int().min(0),
  byte_length: z.int().min(1),
  /** Bytes per line of each plane; the planes follow each other without gaps. */
  strides: z.array(z.int().min(1)).min(1).max(3),
});
/** See {@link workerRefSchema}. */
export type WorkerRef = z.infer<typeof workerRefSchema>;

/** Host → worker: one frame. It has `data` or `ref`. */
export const workerFrameSchema = z.object({
  type: z.literal('frame'),
  camera_id: z.string(),
  seq: z.int().min(1),
  captured_at: z.iso.datetime(),
  captured_monotonic_ns: u64Schema,
  /** Its age when it was sent. */
  age_ms: z.number(),
  /** False: it is at least so old (see `age_certain` of a result). Absent with earlier hosts. */
  age_certain: z.boolean().optional(),
  pts_us: z.int(),
  width: side,
  height: side,
  format: z.enum(WORKER_FORMATS),
  data: z.instanceof(Uint8Array).optional(),
  ref: workerRefSchema.optional(),
});
/** See {@link workerFrameSchema}. */
export type WorkerFrame = z.infer<typeof workerFrameSchema>;

/** Environment variables of every worker. */
export const WORKER_ENV = {
  node: 'VIGIA_NODE',
  camera: 'VIGIA_CAMERA',
  consumer: 'VIGIA_CONSUMER',
  worker: 'VIGIA_WORKER',
  transport: 'VIGIA_TRANSPORT',
  /** `GRAY8 320x180`. */
  input: 'VIGIA_INPUT',
  /** The configuration's `options`, as JSON. */
  options: 'VIGIA_WORKER_OPTIONS',
} as const;

/** Bytes per line of each plane of a tightly packed frame. @param width Even for NV12 and I420. */
export function packedStrides(format: (typeof PIXEL_FORMATS)[number], width: number): number[] {
  switch (format) {
    case 'NV12':
      return [width, width];
    case 'I420':
      return [width, width / 2, width / 2];
    case 'GRAY8':
      return [width];
    default:
      return [width * 3];
  }
}

/** Bytes of a tightly packed frame. @param width Even for NV12 and I420, as is `height`. */
export function packedBytes(format: (typeof PIXEL_FORMATS)[number], width: number, height: number): number {
  switch (format) {
    case 'NV12':
    case 'I420':
      return (width * height * 3) / 2;
    case 'GRAY8':
      return width * height;
    default:
      return width * height * 3;
  }
}
