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

/** The first message to an ingest process. */
export interface IngestStart {
  readonly setup: IngestSetup;
  /** The run of the node. */
  readonly boot: string;
}

/** Counters of an ingest process. */
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
    /** Answered when it listens; the connection to the camera is made beside it. */
    readonly setup: { readonly ask: Schema<IngestStart>; readonly reply: Schema<null> };
  };
  readonly notices: {
    /** Where it may write. Repeated. */
    readonly room: Schema<RecordRoom>;
    readonly policy: Schema<RecordPolicy>;
    /** Something happened between these wall times, milliseconds since 1970. */
    readonly mark: Schema<{ readonly fromMs: number; readonly toMs: number }>;
    /** Another connection to the camera is to be made. */
    readonly reconnect: Schema<{ readonly message: string }>;
  };
}

/** Notices from an ingest process to the node. */
export interface IngestWords {
  readonly requests: Readonly<Record<string, never>>;
  readonly notices: {
    readonly recorder: Schema<RecorderState>;
    readonly written: Schema<Written>;
    /** Recording stopped at this wall time. */
    readonly gap: Schema<{ readonly sinceMs: number; readonly reason: GapReason }>;
    /** Sent twice a second. */
    readonly counters: Schema<IngestCounters>;
  };
}

const sentence = z.string().max(SENTENCE_LIMIT);
const count = z.number().min(0);
const wallMs = z.number().min(-8.64e15).max(8.64e15);
const reason = z.enum(GAP_REASONS);

/** See {@link NodeToIngestWords}. */
export const NODE_TO_INGEST_WORDS: NodeToIngestWords = {
  requests: {
    setup: { ask: z.strictObject({ setup: ingestSetupSchema, boot: z.string() }), reply: z.null() },
  },
  notices: {
    room: recordRoomSchema,
    policy: recordPolicySchema,
    mark: z.strictObject({ fromMs: wallMs, toMs: wallMs }),
    reconnect: z.strictObject({ message: sentence }),
  },
};

/** See {@link IngestWords}. */
export const INGEST_WORDS: IngestWords = {
  requests: {},
  notices: {
    recorder: z.strictObject({
      state: z.enum(RECORDER_STATES),
      reason: reason.nullable(),
      message: sentence.nullable(),
    }),
    written: z.strictObject({ dir: z.string(), path: z.string().max(1_000), closed: z.boolean() }),
    gap: z.strictObject({ sinceMs: wallMs, reason }),
    counters: z.strictObject({
      segments: count,
      bytes: count,
      units: count,
      lostMs: count,
      ringBytes: count,
      captured: count,
      reconnects: count,
      lostPackets: count,
      readers: count,
    }),
  },
};
