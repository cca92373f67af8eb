import type { Schema } from '@vigia/base';
import { z } from 'zod';
import {
  GAP_REASONS,
  type GapReason,
  RECORDER_STATES,
  type RecorderCounters,
  type RecorderState,
  type RecordPolicy,
  recordPolicySchema,
  type RecordRoom,
  recordRoomSchema,
  type Written,
} from '#core/footage';
import { type IngestSetup, ingestSetupSchema } from './setup.ts';

/** Longest sentence, characters. */
const SENTENCE_LIMIT = 4_096;

/** Which camera of the process is meant. */
interface Of {
  readonly camera: string;
}

/** The first message to an ingest process. */
export interface IngestStart {
  /** The cameras that it begins with. */
  readonly cameras: readonly IngestSetup[];
  /** The run of the node. */
  readonly boot: string;
}

/** Counters of one camera in an ingest process. */
export interface IngestCounters extends RecorderCounters {
  /** Access units that came from the camera. */
  readonly captured: number;
  readonly reconnects: number;
  readonly lostPackets: number;
  /** Camera processes that read its units. */
  readonly readers: number;
}

/** Requests and notices from the node to an ingest process. */
export interface NodeToIngestWords {
  readonly requests: {
    /** Answered when its relays listen; the connections to the cameras are made beside it. */
    readonly setup: { readonly ask: Schema<IngestStart>; readonly reply: Schema<null> };
    /** One camera more, answered likewise. */
    readonly open: { readonly ask: Schema<IngestSetup>; readonly reply: Schema<null> };
    /** One camera less. Answered when its connection has ended, and what waited is written. */
    readonly close: { readonly ask: Schema<Of>; readonly reply: Schema<null> };
  };
  readonly notices: {
    /** Where all cameras may write. Repeated. */
    readonly room: Schema<RecordRoom>;
    readonly policy: Schema<Of & { readonly policy: RecordPolicy }>;
    /** Something happened between these wall times, milliseconds since 1970. */
    readonly mark: Schema<Of & { readonly fromMs: number; readonly toMs: number }>;
    /** Another connection to the camera is to be made. */
    readonly reconnect: Schema<Of & { readonly message: string }>;
  };
}

/** Notices from an ingest process to the node. */
export interface IngestWords {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: {
    readonly recorder: Schema<Of & { readonly state: RecorderState }>;
    readonly written: Schema<Of & { readonly written: Written }>;
    /** Recording stopped at this wall time. */
    readonly gap: Schema<Of & { readonly sinceMs: number; readonly reason: GapReason }>;
    /** By camera. Sent twice a second. */
    readonly counters: Schema<Readonly<Record<string, IngestCounters>>>;
  };
}

const sentence = z.string().max(SENTENCE_LIMIT);
const count = z.number().min(0);
const wallMs = z.number().min(-8.64e15).max(8.64e15);
const reason = z.enum(GAP_REASONS);

const ofCamera = { camera: z.string() };

/** See {@link NodeToIngestWords}. */
export const NODE_TO_INGEST_WORDS: NodeToIngestWords = {
  requests: {
    setup: { ask: z.strictObject({ cameras: z.array(ingestSetupSchema), boot: z.string() }), reply: z.null() },
    open: { ask: ingestSetupSchema, reply: z.null() },
    close: { ask: z.strictObject(ofCamera), reply: z.null() },
  },
  notices: {
    room: recordRoomSchema,
    policy: z.strictObject({ ...ofCamera, policy: recordPolicySchema }),
    mark: z.strictObject({ ...ofCamera, fromMs: wallMs, toMs: wallMs }),
    reconnect: z.strictObject({ ...ofCamera, message: sentence }),
  },
};

const countersSchema = z.strictObject({
  segments: count,
  bytes: count,
  units: count,
  lostMs: count,
  ringBytes: count,
  captured: count,
  reconnects: count,
  lostPackets: count,
  readers: count,
});

/** See {@link IngestWords}. */
export const INGEST_WORDS: IngestWords = {
  requests: {},
  notices: {
    recorder: z.strictObject({
      ...ofCamera,
      state: z.strictObject({
        state: z.enum(RECORDER_STATES),
        reason: reason.nullable(),
        message: sentence.nullable(),
      }),
    }),
    written: z.strictObject({
      ...ofCamera,
      written: z.strictObject({ dir: z.string(), path: z.string().max(1_000), closed: z.boolean() }),
    }),
    gap: z.strictObject({ ...ofCamera, sinceMs: wallMs, reason }),
    counters: z.record(z.string(), countersSchema),
  },
};
