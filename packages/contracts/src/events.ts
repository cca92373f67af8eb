import { z } from 'zod';
import { bedDataSchema } from './bed.ts';
import { SLA_CLASSES } from './config.ts';
import { acknowledgedSchema, fallDataSchema, findingSchema } from './fall.ts';
import { type CameraStateMessage, EVENT_TYPES, type EventMessage, type WorkerStateMessage } from './mqtt.ts';
import { CAMERA_STATES, MODEL_STATES, WORKER_STATES } from './report.ts';
import { visitDataSchema } from './visit.ts';

/** Version of the envelope. Within a version keys and kinds are only added. */
export const EVENT_VERSION = 1;

/**
 * How urgent an event is. `notice` and above are kept; an `alarm` asks somebody to look, and is never discarded in
 * favour of something newer.
 */
export const SEVERITIES = ['debug', 'info', 'notice', 'warning', 'alarm'] as const;
/** See {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/** Length of an event's id: a ULID. */
export const EVENT_ID_LENGTH = 26;
/** A ULID: 10 characters of milliseconds since 1970, 16 of randomness, in Crockford's base 32 (github.com/ulid/spec). */
const ulid = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
/** The id of an event. */
export const eventIdSchema = ulid;
const text = z.string().nullable();

const cameraStateDataSchema = z.strictObject({
  state: z.enum(CAMERA_STATES),
  reason: text,
  message: text,
  retry_in_ms: z.number().min(0).nullable(),
});
const modelStateDataSchema = z.strictObject({ model: z.string(), state: z.enum(MODEL_STATES), reason: text });
const workerStateDataSchema = z.strictObject({
  worker: z.string(),
  sla: z.enum(SLA_CLASSES),
  state: z.enum(WORKER_STATES),
  reason: text,
  message: text,
  alarm: z.boolean(),
});
/** What happened to a consumer: the parts of an {@link EventMessage} that are not in the envelope. */
const consumerDataSchema = z.strictObject({
  type: z.enum(EVENT_TYPES),
  sla: z.enum(SLA_CLASSES),
  alarm: z.boolean(),
  reason: text,
  message: z.string(),
  /** The last lines of a worker's standard error. */
  stderr: z.array(z.string()).optional(),
});
const blindDataSchema = z.strictObject({
  sla: z.enum(SLA_CLASSES),
  message: z.string(),
});
const nodeDataSchema = z.strictObject({ state: z.enum(['started', 'stopping']), version: z.string() });
const configDataSchema = z.strictObject({
  revision: z.int().min(1),
  /** Who asked: `file vigia.yml`, `control socket (user care)`. */
  by: z.string(),
  /** One line per changed path. No secrets. */
  changes: z.array(z.string()),
});

const auditDataSchema = z.strictObject({
  /** Who asked, and from where: `user anna (192.168.1.7)`, `control socket (user care)`. */
  by: z.string(),
  /** The route of the API: `restartCamera`, `login`. */
  action: z.string(),
  /** What it was about: a camera, `camera/consumer`, a user, a token's id; null: the node. */
  target: text,
  outcome: z.enum(['done', 'refused']),
  /** Why it was refused: a code of an error; null when it was done. */
  reason: text,
  /** Of `acknowledge`: what was found; absent when nothing was said. */
  found: findingSchema.optional(),
});
const recordingDataSchema = z.strictObject({
  /** `ready`: waits for an event. `paused`: something should be recorded, and is lost. `stopped`: it is not recorded any more. */
  state: z.enum(['waiting', 'recording', 'ready', 'paused', 'stopped']),
  /** See `GapReason`: `camera_away`, `disk_full` … */
  reason: text,
  message: text,
});
const storageDataSchema = z.strictObject({
  /** `failing`: the disk takes no events; they wait. `ok`: it does again. `discarded`: events are gone for good. */
  state: z.enum(['failing', 'ok', 'discarded']),
  message: z.string(),
  /** Events that were discarded. */
  discarded: z.int().min(0),
});

const common = {
  v: z.literal(EVENT_VERSION),
  /** Sorts by time, and never repeats, over restarts and nodes. */
  id: ulid,
  node: z.string(),
  /** The run of the node: a ULID, new with each start. */
  boot: ulid,
  /** RFC 3339, UTC. */
  at: z.iso.datetime(),
  /** Null when the event concerns the node. */
  camera: z.string().nullable(),
  consumer: z.string().nullable(),
  /** Null for what has no duration. The `end` of a state means that its subject left the configuration. */
  phase: z.enum(['start', 'update', 'end']).nullable(),
  severity: z.enum(SEVERITIES),
  /** What the event is about, unique in the node: events of one subject belong together. */
  subject: z.string().nullable(),
  /** In the list of stored events only, of an alarm: who has acknowledged it, and when; absent: nobody. */
  acknowledged: acknowledgedSchema.optional(),
};

const kind = <K extends string, D extends z.ZodType>(name: K, data: D) =>
  z.strictObject({ ...common, kind: z.literal(name), data });

/** The envelope of everything that happens on a node, results and statistics excepted (docs/protocol/events.md). */
export const nodeEventSchema = z.discriminatedUnion('kind', [
  kind('camera_state', cameraStateDataSchema),
  kind('model_state', modelStateDataSchema),
  kind('worker_state', workerStateDataSchema),
  kind('worker', consumerDataSchema),
  kind('sla', consumerDataSchema),
  kind('shedding', consumerDataSchema),
  kind('consumer_blind', blindDataSchema),
  kind('fall', fallDataSchema),
  kind('bed', bedDataSchema),
  kind('visit', visitDataSchema),
  kind('recording', recordingDataSchema),
  kind('storage', storageDataSchema),
  kind('node', nodeDataSchema),
  kind('config', configDataSchema),
  kind('audit', auditDataSchema),
]);
/** See {@link nodeEventSchema}. */
export type NodeEvent = z.infer<typeof nodeEventSchema>;
/** Kinds of events. */
export type EventKind = NodeEvent['kind'];
/** All of them. */
export const EVENT_KINDS = nodeEventSchema.options.map(({ shape }) => shape.kind.value) as readonly EventKind[];
/** An event of one kind. */
export type NodeEventOf<K extends EventKind> = Extract<NodeEvent, { readonly kind: K }>;

/** The kind under which each event of a consumer is published. */
export const KIND_OF_EVENT_TYPE: Readonly<Record<EventMessage['type'], 'worker' | 'sla' | 'shedding'>> = {
  worker_restarting: 'worker',
  worker_failed: 'worker',
  worker_recovered: 'worker',
  sla_breached: 'sla',
  sla_recovered: 'sla',
  slowed: 'shedding',
  restored: 'shedding',
};

/** A camera's state in the form of `vigia/<node>/<camera>/state`. */
export function cameraStateMessageOf({ camera, at, data }: NodeEventOf<'camera_state'>): CameraStateMessage {
  return { camera: camera ?? '', ...data, at };
}

/** A worker's state in the form of `vigia/<node>/<camera>/<consumer>/state`. */
export function workerStateMessageOf(event: NodeEventOf<'worker_state'>): WorkerStateMessage {
  return { camera: event.camera ?? '', consumer: event.consumer ?? '', ...event.data, at: event.at };
}

/** What happened to a consumer, in the form of version 1 listeners on `vigia/<node>/<camera>/event`. */
export function eventMessageOf(event: NodeEventOf<'worker' | 'sla' | 'shedding'>): EventMessage {
  const { type, ...data } = event.data;
  return { type, camera: event.camera ?? '', consumer: event.consumer ?? '', ...data, at: event.at };
}
