import { z } from 'zod';
import { GAP_REASONS, type GapReason } from './segment-note.ts';

/** What of a camera is recorded. */
export interface RecordPolicy {
  readonly mode: 'always' | 'on_event';
  /** Of `on_event`: how much before and after an event. Milliseconds. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** What may be lost: with a killed process half a second, with a power cut a second. */
  readonly durability: 'process' | 'power';
}

/** Where a recorder may write now. */
export interface RecordRoom {
  /** Null: nowhere. */
  readonly dir: string | null;
  readonly reason: GapReason | null;
  readonly message: string | null;
}

/**
 * waiting: no stream or no room is known yet, or there is no connection. recording. ready: waits for an event. paused:
 * something should be recorded, and is lost.
 */
export const RECORDER_STATES = ['waiting', 'recording', 'ready', 'paused'] as const;

/** What a recorder does. */
export interface RecorderState {
  readonly state: (typeof RECORDER_STATES)[number];
  readonly reason: GapReason | null;
  /** A sentence for people. */
  readonly message: string | null;
}

/** A segment that was begun, grew or was finished. */
export interface Written {
  readonly dir: string;
  /** Relative to `dir`. */
  readonly path: string;
  readonly closed: boolean;
}

/** Counters of a recorder's life. */
export interface RecorderCounters {
  readonly segments: number;
  readonly bytes: number;
  /** Units of video and audio. */
  readonly units: number;
  /** What should have been recorded, and was not. Milliseconds. */
  readonly lostMs: number;
  /** In the ring of the seconds before an event. Bytes. */
  readonly ringBytes: number;
}

const ms = z.number().min(0);

/** Checks a {@link RecordPolicy}. */
export const recordPolicySchema: z.ZodType<RecordPolicy> = z.strictObject({
  mode: z.enum(['always', 'on_event']),
  beforeMs: ms,
  afterMs: ms,
  durability: z.enum(['process', 'power']),
});

/** Checks a {@link RecordRoom}. */
export const recordRoomSchema: z.ZodType<RecordRoom> = z.strictObject({
  dir: z.string().nullable(),
  reason: z.enum(GAP_REASONS).nullable(),
  message: z.string().max(4_096).nullable(),
});
