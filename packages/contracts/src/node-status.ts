import { z } from 'zod';
import { acknowledgedSchema } from './fall.ts';
import { cameraReportSchema, modelReportSchema } from './report.ts';

const ms = z.number().min(0);

/** What a consumer answered in the last 10 s. */
const recentAnswersSchema = z.strictObject({
  /** `ok` results per second. */
  per_s: z.number().min(0),
  /** Ages of the `ok` results, of the newest 256 at most; null without one. */
  age_p50_ms: ms.nullable(),
  age_p99_ms: ms.nullable(),
  /** Whether those ages are certain. False: they are the least possible ones. True also without a result. */
  age_certain: z.boolean(),
  /** The newest result's objects, `6 person, 1 car`, or `nothing`, or its status when it is not ok; null before it. */
  sees: z.string().nullable(),
});
/** See {@link recentAnswersSchema}. */
export type RecentAnswers = z.infer<typeof recentAnswersSchema>;

/** See {@link HealthProblem}. */
export const healthProblemSchema = z.strictObject({
  /** `worker_failed`, `blind`, `recording_paused`, `footage`, `store`, `mqtt_refused`, `mqtt_away`, `changes`, `memory`, `api`, `live`. */
  code: z.string(),
  /** `_node` for a problem of the whole node. */
  camera: z.string(),
  /** The camera's consumer that it is about; absent for another problem. */
  consumer: z.string().optional(),
  message: z.string(),
});
/** Something that somebody must look at. */
export type HealthProblem = Readonly<z.infer<typeof healthProblemSchema>>;

/** See {@link NodeProblem}. */
export const nodeProblemSchema = z.strictObject({
  /** `hall`, `hall/falls`, `model:ssdlite`, `_node`. One subject has one problem of a kind. */
  subject: z.string(),
  /** A code of a {@link HealthProblem}; or `camera`, `consumer`, `model`: it is not as it should be. */
  kind: z.string(),
  /** Null: it is not about a camera. */
  camera: z.string().nullable(),
  /** Null: it is not about one consumer. */
  consumer: z.string().nullable(),
  /** Null: it is not about a model. */
  model: z.string().nullable(),
  /** When it was first seen, or the node began to look. */
  since: z.iso.datetime(),
  /** What is wrong, for people. */
  message: z.string(),
  /** What somebody can do about it, for people. */
  remedy: z.string(),
});
/** What is wrong in a node, and what to do. A cause is listed once, and not again for each of its effects. */
export type NodeProblem = Readonly<z.infer<typeof nodeProblemSchema>>;

const bytes = z.int().min(0);

/** `GET /api/v1/budget`: what the configuration in force may use at most, and what the machine has. */
export const nodeBudgetSchema = z.strictObject({
  /** Cores that the node may use. */
  cores: z.int().min(1),
  /** The most memory that the node may use, shared memory included; workers without `memory_mib` are not in it. Bytes. */
  memory_bytes: bytes,
  /** What the machine, or the node's control group, has for it: free memory, and what the node holds. Bytes. */
  memory_available_bytes: bytes,
  /** Of it, in /dev/shm. Bytes. */
  shm_bytes: bytes,
  /** Room in /dev/shm, what the node holds included. Bytes. */
  shm_available_bytes: bytes,
  /** The same for each process, by the names of the report. Without workers that have no `memory_mib`. */
  processes: z.record(z.string(), bytes),
});
/** See {@link nodeBudgetSchema}. */
export type NodeBudget = Readonly<z.infer<typeof nodeBudgetSchema>>;

/** See {@link OpenAlarm}. */
const openAlarmSchema = z.strictObject({
  /** As in its events. */
  subject: z.string(),
  camera: z.string(),
  /** Id of its first event: what `acknowledge` takes. */
  event: z.string(),
  /** The kind of its events. */
  kind: z.enum(['fall', 'bed', 'visit']),
  /** As last reported: see the events. */
  state: z.string(),
  reason: z.string().nullable(),
  message: z.string(),
  /** Since its start. Milliseconds. */
  since_ms: ms,
  /** Null: nobody has acknowledged it, so that it is repeated. */
  acknowledged: acknowledgedSchema.nullable(),
});
/** An alarm that has not ended. */
export type OpenAlarm = Readonly<z.infer<typeof openAlarmSchema>>;

/** `GET /api/v1/alarms`: an alarm that has not ended, and who has acknowledged it, and when; null: nobody. */
export const alarmSchema = openAlarmSchema.extend({
  acknowledged_by: z.string().nullable(),
  acknowledged_at: z.iso.datetime().nullable(),
});
/** See {@link alarmSchema}. */
export type AlarmAnswer = Readonly<z.infer<typeof alarmSchema>>;

/** States of a camera's recorder (docs/reference/states-and-reasons.md). */
export const RECORDING_STATES = ['waiting', 'recording', 'ready', 'paused'] as const;

/** What a camera's recorder does. */
const recordingStatusSchema = z.strictObject({
  state: z.enum(RECORDING_STATES),
  /** `disk_full`, `camera_away` …; null when there is none. */
  reason: z.string().nullable(),
  message: z.string().nullable(),
  /** Since the node's start: written, and lost though it should have been recorded. */
  bytes: z.number().min(0),
  lost_ms: ms,
  /** The age of its oldest footage; null: it has none, or nobody has looked yet. */
  kept_ms: ms.nullable(),
  /** How far back its footage of no event can go at the rate of the last day: about; null: not known yet. */
  room_ms: ms.nullable(),
});
/** See {@link recordingStatusSchema}. */
export type RecordingStatus = z.infer<typeof recordingStatusSchema>;

/** `GET /api/v1/status`, and what a view draws. Counters are as last heard, at most half a second old. */
export const nodeStatusSchema = z.strictObject({
  version: z.literal(1),
  node: z.string(),
  /** The version of vigia that the node runs. */
  vigia: z.string(),
  /** The supervisor's process. */
  pid: z.int().min(1),
  up_ms: ms,
  /** `vigia demo` started it, so that its parts may be broken on purpose; absent on any other node. */
  demo: z.literal(true).optional(),
  shm_bytes: z.int().min(0),
  /** For people: `off`, `connected`, `not connected`. */
  mqtt: z.string(),
  /** Those of `GET /healthz`; empty when all is well. */
  problems: z.array(healthProblemSchema),
  /** Oldest first. */
  alarms: z.array(openAlarmSchema),
  cameras: z.record(
    z.string(),
    z.strictObject({
      report: cameraReportSchema,
      /** What people call it; absent: it has no name of its own. */
      name: z.string().optional(),
      /** Its place among the cameras, the smallest first; absent: behind those that have one. */
      order: z.int().optional(),
      /** Why it is not live, for people; null when nothing is known. */
      message: z.string().nullable(),
      /** By consumer; those that have had a result. */
      answers: z.record(z.string(), recentAnswersSchema),
      /** What its recorder does; absent when it is not recorded. */
      recording: recordingStatusSchema.optional(),
    }),
  ),
  models: z.record(z.string(), modelReportSchema),
});
/** See {@link nodeStatusSchema}. */
export type NodeStatus = z.infer<typeof nodeStatusSchema>;
/** A camera of {@link nodeStatusSchema}. */
export type CameraStatus = NodeStatus['cameras'][string];
