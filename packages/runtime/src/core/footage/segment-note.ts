import { ID_PATTERN } from '@vigia/contracts';
import { z } from 'zod';

/** Why nothing was recorded before a segment. */
export const GAP_REASONS = [
  'camera_away',
  'node_down',
  'disk_full',
  'read_only',
  'disk_failed',
  'disk_slow',
  'no_event',
  'not_recorded',
  'clock',
] as const;
/** See {@link GAP_REASONS}. */
export type GapReason = (typeof GAP_REASONS)[number];
/** Why there is no footage of a time; `removed`: there was, and its files are not there any more. */
export const ABSENCE_REASONS: readonly [...typeof GAP_REASONS, 'removed'] = [...GAP_REASONS, 'removed'];
/** See {@link ABSENCE_REASONS}. */
export type AbsenceReason = (typeof ABSENCE_REASONS)[number];

/** The user type of the `uuid` box that holds a note (ISO/IEC 14496-12, 4.2): ours. */
export const NOTE_USER_TYPE: Buffer = Buffer.from('76696769612d7365676d656e742d6e31', 'hex');
/** Longest note, bytes of JSON. */
const NOTE_LIMIT = 4096;
const BOX_HEAD = 8 + 16;

/** What a segment says of itself, in a `uuid` box behind its `moov`. */
export interface SegmentNote {
  readonly v: 1;
  readonly node: string;
  readonly camera: string;
  /** The run of the node, a ULID. */
  readonly boot: string;
  /** See `FootageName`. */
  readonly order: number;
  /** The connection to the camera that it was recorded from, counted from 1 on in each recorder's life. */
  readonly epoch: number;
  /** Wall time of its first picture (its capture), milliseconds since 1970; more exact than the file's name. */
  readonly start_ms: number;
  /** Why nothing was recorded before it, and since when; null: the segment before it ends where this one begins. */
  readonly gap: { readonly reason: GapReason; readonly since_ms: number | null } | null;
}

const wallMs = z.number().min(0).max(8.64e15);

/** Checks a {@link SegmentNote}. */
export const segmentNoteSchema: z.ZodType<SegmentNote> = z.strictObject({
  v: z.literal(1),
  node: z.string().regex(ID_PATTERN),
  camera: z.string().regex(ID_PATTERN),
  boot: z.string().max(64),
  order: z.int().min(1).max(999_999_999),
  epoch: z.int().min(1),
  start_ms: wallMs,
  gap: z.strictObject({ reason: z.enum(GAP_REASONS), since_ms: wallMs.nullable() }).nullable(),
});

/** The box of a note, to be written behind the `moov`. */
export function encodeNote(note: SegmentNote): Buffer {
  const json = Buffer.from(JSON.stringify(note));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(BOX_HEAD + json.byteLength, 0);
  head.write('uuid', 4, 'latin1');
  return Buffer.concat([head, NOTE_USER_TYPE, json]);
}

/** The note in the body of a `uuid` box; undefined when it is another program's box, or makes no sense. */
export function parseNote(body: Buffer): SegmentNote | undefined {
  if (body.byteLength > 16 + NOTE_LIMIT || !body.subarray(0, 16).equals(NOTE_USER_TYPE)) return undefined;
  try {
    return segmentNoteSchema.safeParse(JSON.parse(body.toString('utf8', 16))).data;
  } catch {
    return undefined;
  }
}
