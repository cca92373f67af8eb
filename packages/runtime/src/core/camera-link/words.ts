import type { Schema } from '@vigia/base';
import {
  CAMERA_STATES,
  type CameraState,
  consumerReportSchema,
  type EventMessage,
  eventMessageSchema,
  type ResultMessage,
  type Slowed,
  TILE_WIDTH,
  type TileStamps,
  tileStampsSchema,
  type WorkerStateMessage,
  workerStateMessageSchema,
} from '@vigia/contracts';
import { z } from 'zod';
import { type CameraSnapshot, cameraSnapshotSchema } from './counters.ts';
import { resultNoticeSchema } from './result-check.ts';
import { type RuleNotice, ruleNoticeSchema } from './rule-notice.ts';
import { type CameraSetup, cameraSetupSchema, type ConsumerTerms, consumerTermsSchema } from './setup.ts';

/** Longest error message, characters. */
const SENTENCE_LIMIT = 4_096;

/** The first message to a camera process. */
export interface CameraStart {
  readonly setup: CameraSetup;
  /** Identifies the run of the supervisor, in every result. */
  readonly boot: string;
}

/**
 * Ends a worker's process; the worker's restart policy applies. A process that has already been replaced is not
 * affected.
 */
export interface EndWorker {
  readonly consumer: string;
  readonly pid: number;
  readonly code: string;
  /** Completes "the worker …". */
  readonly message: string;
}

/** Sets a consumer's rate below the configured one; null restores the configured rate. */
export interface Pace {
  readonly consumer: string;
  readonly slowed: Slowed | null;
}

/** A consumer that is switched on, and its terms. */
export interface Tune {
  readonly consumer: string;
  readonly terms: ConsumerTerms;
}

/** A camera's state as its process sees it. */
export interface StateNotice {
  readonly state: CameraState;
  readonly reason: string | null;
  readonly message: string | null;
  readonly retryInMs: number | null;
}

/** A small picture, and what is known of it. */
export interface Tile {
  readonly stamps: TileStamps;
  readonly jpeg: Uint8Array;
}

/** Requests and notices from the node to a camera process. */
export interface NodeWords {
  readonly requests: {
    /**
     * Answered when the camera has started. A failure is answered with `start_failed` and a message, and the process
     * exits.
     */
    readonly setup: { readonly ask: Schema<CameraStart>; readonly reply: Schema<null> };
    /** Returns current counters, including the last lines of workers that ended. */
    readonly counters: { readonly ask: Schema<null>; readonly reply: Schema<CameraSnapshot> };
    /** Returns the last counters. The process sends no results or events afterwards. */
    readonly farewell: { readonly ask: Schema<null>; readonly reply: Schema<CameraSnapshot> };
    /** Returns the next picture as a JPEG. With `annotated`, the next picture that has a result. */
    readonly picture: {
      readonly ask: Schema<{ readonly annotated: boolean }>;
      readonly reply: Schema<{ readonly jpeg: Uint8Array }>;
    };
    /**
     * Returns a small picture as a JPEG: that of the next ok result, so that boxes fit, or of the next frame when none
     * comes soon.
     */
    readonly tile: {
      readonly ask: Schema<{ readonly width: number }>;
      readonly reply: Schema<Tile>;
    };
    /** Restarts a worker, even one that has failed. Answered before the worker is ready. */
    readonly restart_worker: { readonly ask: Schema<{ readonly consumer: string }>; readonly reply: Schema<null> };
    /** Exactly these consumers of the setup are switched on, with these terms. Answered when the others have ended. */
    readonly tune: { readonly ask: Schema<readonly Tune[]>; readonly reply: Schema<null> };
  };
  readonly notices: { readonly pace: Schema<Pace>; readonly end_worker: Schema<EndWorker> };
}

/** Notices from a camera process to the node. */
export interface CameraWords {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: {
    readonly state: Schema<StateNotice>;
    readonly result: Schema<ResultMessage>;
    readonly worker_state: Schema<WorkerStateMessage>;
    readonly event: Schema<EventMessage>;
    readonly rule: Schema<RuleNotice>;
    /** Sent twice a second. */
    readonly counters: Schema<CameraSnapshot>;
    /** The process cannot continue and is about to exit. */
    readonly failing: Schema<{ readonly message: string }>;
  };
}

const sentence = z.string().max(SENTENCE_LIMIT);
const nothing = z.null();

/** See {@link NodeWords}. */
export const NODE_WORDS: NodeWords = {
  requests: {
    setup: { ask: z.strictObject({ setup: cameraSetupSchema, boot: z.string() }), reply: nothing },
    counters: { ask: nothing, reply: cameraSnapshotSchema },
    farewell: { ask: nothing, reply: cameraSnapshotSchema },
    picture: {
      ask: z.strictObject({ annotated: z.boolean() }),
      reply: z.strictObject({ jpeg: z.instanceof(Uint8Array) }),
    },
    tile: {
      ask: z.strictObject({ width: z.int().min(TILE_WIDTH.min).max(TILE_WIDTH.max) }),
      reply: z.strictObject({ stamps: tileStampsSchema, jpeg: z.instanceof(Uint8Array) }),
    },
    restart_worker: { ask: z.strictObject({ consumer: z.string() }), reply: nothing },
    tune: { ask: z.array(z.strictObject({ consumer: z.string(), terms: consumerTermsSchema })), reply: nothing },
  },
  notices: {
    pace: z.strictObject({ consumer: z.string(), slowed: consumerReportSchema.shape.slowed }),
    end_worker: z.strictObject({ consumer: z.string(), pid: z.int(), code: z.string(), message: sentence }),
  },
};

/** See {@link CameraWords}. */
export const CAMERA_WORDS: CameraWords = {
  requests: {},
  notices: {
    state: z.strictObject({
      state: z.enum(CAMERA_STATES),
      reason: z.string().nullable(),
      message: sentence.nullable(),
      retryInMs: z.number().min(0).nullable(),
    }),
    result: resultNoticeSchema,
    worker_state: workerStateMessageSchema,
    event: eventMessageSchema,
    rule: ruleNoticeSchema,
    counters: cameraSnapshotSchema,
    failing: z.strictObject({ message: sentence }),
  },
};
