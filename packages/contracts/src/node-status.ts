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
  /** `worker_failed`, `blind`, `recording_paused`, `footage`, `store`, `mqtt_refused`, `memory`, `api`. */
  code: z.string(),
  /** `_node` for a problem of the whole node. */
  camera: z.string(),
  message: z.string(),
});
/** Something that somebody must look at. */
export type HealthProblem = Readonly<z.infer<typeof healthProblemSchema>>;

/** See {@link OpenAlarm}. */
const openAlarmSchema = z.strictObject({
  /** As in its events. */
  subject: z.string(),
  camera: z.string(),
  /** Id of its first event: what `acknowledge` takes. */
  event: z.string(),
  /** The kind of its events. */
  kind: z.enum(['fall', 'bed']),
  /** As last reported: see the events. */
  state: z.string(),
  message: z.string(),
  /** Since its start. Milliseconds. */
  since_ms: ms,
  /** Null: nobody has acknowledged it, so that it is repeated. */
  acknowledged: acknowledgedSchema.nullable(),
});
/** An alarm that has not ended. */
export type OpenAlarm = Readonly<z.infer<typeof openAlarmSchema>>;

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
