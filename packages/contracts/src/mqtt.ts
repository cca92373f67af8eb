import { z } from 'zod';
import { SLA_CLASSES } from './config.ts';
import { CAMERA_STATES, WORKER_STATES } from './report.ts';
import { detectionSchema, RESULT_STATUSES } from './result.ts';

const ms = z.number();

/** Milliseconds from capture to each hop; null for hops that were not reached. */
export const hopsSchema = z.strictObject({
  /** Lateness: how much later than its capture the frame arrived. */
  arrived: ms.optional(),
  decoded: ms,
  taken: ms,
  rendered: ms.nullable(),
  sent: ms.nullable(),
  received: ms.nullable(),
  decided: ms,
});
/** See {@link hopsSchema}. */
export type Hops = z.infer<typeof hopsSchema>;

/** A result, published on `vigia/<node>/<camera>/<consumer>/result` with QoS 0 and an expiry. */
export const resultMessageSchema = z.strictObject({
  node: z.string(),
  /** The run of the node: `seq` starts at 1 again with each camera process. */
  boot: z.string(),
  camera: z.string(),
  consumer: z.string(),
  /** Null for a worker's result. */
  model: z.string().nullable(),
  /** Key of `workers`; absent in a model's result. */
  worker: z.string().optional(),
  /** Publish sequence of the frame, unique together with the camera's process. */
  seq: z.int().min(1),
  status: z.enum(RESULT_STATUSES),
  /** RFC 3339, UTC. */
  captured_at: z.iso.datetime(),
  /** Milliseconds from capture to the decision. When it is uncertain, the least that it can be. */
  age_ms: ms.min(0),
  /** Whether the camera's clock shows that nothing is hidden: no delay that all its pictures have in common. */
  age_certain: z.boolean(),
  /** The most that the age can be, milliseconds; null when nobody knows. Equal to `age_ms` when it is certain. */
  age_bound_ms: ms.min(0).nullable(),
  /** Microseconds of the stream's own clock. */
  pts_us: z.int(),
  hops_ms: hopsSchema,
  /** Boxes are 0..1 of the camera's whole frame. Null exactly when status is not `ok`. */
  detections: z.array(detectionSchema).nullable(),
  /** Further data of a worker, of any form. Absent without it. */
  data: z.json().optional(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});
/** See {@link resultMessageSchema}. */
export type ResultMessage = z.infer<typeof resultMessageSchema>;

/** Retained on `vigia/<node>/<camera>/state`. */
export const cameraStateMessageSchema = z.strictObject({
  camera: z.string(),
  state: z.enum(CAMERA_STATES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  retry_in_ms: z.number().min(0).nullable(),
  at: z.iso.datetime(),
});
/** See {@link cameraStateMessageSchema}. */
export type CameraStateMessage = z.infer<typeof cameraStateMessageSchema>;

/** Retained on `vigia/<node>/<camera>/<consumer>/state`: the state of a worker. */
export const workerStateMessageSchema = z.strictObject({
  camera: z.string(),
  consumer: z.string(),
  worker: z.string(),
  sla: z.enum(SLA_CLASSES),
  state: z.enum(WORKER_STATES),
  /** `exited`, `not_ready`, `hung` …: docs/reference/states-and-reasons.md. Null in the absence of a problem. */
  reason: z.string().nullable(),
  message: z.string().nullable(),
  /** True while a critical worker has failed: an operator must act. */
  alarm: z.boolean(),
  at: z.iso.datetime(),
});
/** See {@link workerStateMessageSchema}. */
export type WorkerStateMessage = z.infer<typeof workerStateMessageSchema>;

/** Values of an event's `type`. */
export const EVENT_TYPES = [
  'worker_restarting',
  'worker_failed',
  'worker_recovered',
  'sla_breached',
  'sla_recovered',
  'slowed',
  'restored',
] as const;

/** Something that happened once, on `vigia/<node>/<camera>/event` with QoS 1. */
export const eventMessageSchema = z.strictObject({
  type: z.enum(EVENT_TYPES),
  camera: z.string(),
  consumer: z.string(),
  sla: z.enum(SLA_CLASSES),
  /** True when a critical consumer no longer sees its camera. */
  alarm: z.boolean(),
  reason: z.string().nullable(),
  message: z.string(),
  /** The last lines of a worker's standard error; absent when there are none. */
  stderr: z.array(z.string()).optional(),
  at: z.iso.datetime(),
});
/** See {@link eventMessageSchema}. */
export type EventMessage = z.infer<typeof eventMessageSchema>;

/** Retained on `vigia/<node>/status`; `offline` is the last will. */
export const nodeStatusMessageSchema = z.strictObject({ node: z.string(), status: z.enum(['online', 'offline']) });
/** See {@link nodeStatusMessageSchema}. */
export type NodeStatusMessage = z.infer<typeof nodeStatusMessageSchema>;

/** Topics of a node. */
export const topics = {
  status: (node: string): string => `vigia/${node}/status`,
  cameraState: (node: string, camera: string): string => `vigia/${node}/${camera}/state`,
  result: (node: string, camera: string, consumer: string): string => `vigia/${node}/${camera}/${consumer}/result`,
  workerState: (node: string, camera: string, consumer: string): string => `vigia/${node}/${camera}/${consumer}/state`,
  event: (node: string, camera: string): string => `vigia/${node}/${camera}/event`,
  /** Of events of one kind; `_node` stands for a camera where none is concerned. */
  eventOf: (node: string, camera: string | null, kind: string): string =>
    `vigia/${node}/${camera ?? '_node'}/event/${kind}`,
  stats: (node: string, camera: string, consumer: string): string => `vigia/${node}/${camera}/${consumer}/stats`,
  /** The filter of all commands to a node. */
  commands: (node: string): string => `vigia/${node}/cmd/+/+`,
  /** Of the answer to the command with an id. */
  reply: (node: string, id: string): string => `vigia/${node}/reply/${id}`,
};
