import type { GapReason, RecordRoom } from '#core/footage';

const SEGMENT_MS = 60_000;
/** A segment ends with the next keyframe beyond this. Bytes. */
const SEGMENT_BYTES = 512 * 1024 * 1024;
/** A segment whose keyframe does not come ends after so long, or with twice the bytes. Milliseconds. */
const ENDLESS_MS = 600_000;
/** The node's clock was set: a new segment begins. Milliseconds. */
const CLOCK_STEP_MS = 250;
/** A step forwards of more than this leaves a gap. */
const CLOCK_LEAP_MS = 2_000;

/** What decides whether a segment ends before a picture. */
export interface SegmentFacts {
  readonly bytes: number;
  readonly durationMs: number;
  /** Units before the picture are missing. */
  readonly holed: boolean;
  /** The picture's time fits to those before. */
  readonly continues: boolean;
  readonly room: RecordRoom | undefined;
}

/** The same before a keyframe. */
export interface KeyframeFacts extends SegmentFacts {
  readonly wanted: boolean;
  readonly onEvent: boolean;
  /** By how much the wall clock has moved since the segment began. Milliseconds. */
  readonly steppedMs: number;
  readonly dir: string;
  /** Its parameter sets are those of the segment. */
  readonly sameShape: boolean;
}

/** Why a segment ends before any picture: nothing can follow in it, or nothing may. */
export function reasonToCut({ bytes, durationMs, holed, continues, room }: SegmentFacts): GapReason | undefined {
  if (holed) return 'disk_slow';
  if (!continues) return 'clock';
  if (room?.dir === null) return room.reason ?? 'disk_failed';
  // A stream without keyframes must not fill the disk with one file.
  return bytes > 2 * SEGMENT_BYTES || durationMs > ENDLESS_MS ? 'not_recorded' : undefined;
}

/** Why a segment ends before a keyframe; `full`: another one follows at once. */
export function reasonToEnd(facts: KeyframeFacts): GapReason | 'full' | undefined {
  const { wanted, onEvent, steppedMs, room, dir, sameShape, durationMs, bytes } = facts;
  if (!wanted) return onEvent ? 'no_event' : 'not_recorded';
  const cut = reasonToCut(facts);
  // The keyframe ends the wait.
  if (cut !== undefined && cut !== 'not_recorded') return cut;
  if (Math.abs(steppedMs) > CLOCK_STEP_MS) return steppedMs > CLOCK_LEAP_MS ? 'clock' : 'full';
  return room?.dir !== dir || !sameShape || durationMs >= SEGMENT_MS || bytes >= SEGMENT_BYTES ? 'full' : undefined;
}
