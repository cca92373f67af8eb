import type { GapReason, RecorderState, RecordRoom } from '#core/footage';

/** A write that takes longer is a state; units wait for it. Milliseconds. */
export const HUNG_MS = 5_000;

/** The state while a write takes too long. */
export const HUNG: RecorderState = {
  state: 'paused',
  reason: 'disk_slow',
  message: `its disk has not taken a write for ${HUNG_MS / 1000} s; what comes waits in memory as long as there is room`,
};

/** What decides the state of a recorder. */
export interface RecorderFacts {
  readonly recording: boolean;
  /** Of the connection; undefined without one. */
  readonly codec: string | undefined;
  readonly room: RecordRoom | undefined;
  /** The sentence of the last failure, until something could be written again. */
  readonly trouble: RecorderState | undefined;
  /** Something should be recorded now. */
  readonly wanted: boolean;
  readonly onEvent: boolean;
  readonly gap: GapReason | undefined;
}

/** Whether a codec can be recorded. */
export function isRecordable(codec: string | undefined): codec is 'h264' | 'hevc' {
  return codec === 'h264' || codec === 'hevc';
}

/** What a recorder does, in the order in which reasons count. */
export function stateOf({ recording, codec, room, trouble, wanted, onEvent, gap }: RecorderFacts): RecorderState {
  if (recording) return { state: 'recording', reason: null, message: null };
  if (codec !== undefined && !isRecordable(codec)) {
    const message = `recording needs H.264 or H.265; this camera sends ${codec}`;
    return { state: 'paused', reason: 'not_recorded', message };
  }
  if (room?.dir === null) {
    const message = room.message ?? 'no directory can be written to';
    return { state: 'paused', reason: room.reason ?? 'disk_failed', message };
  }
  if (trouble && codec !== undefined && wanted) return trouble;
  if (onEvent && codec !== undefined) return { state: 'ready', reason: null, message: null };
  return { state: 'waiting', reason: gap ?? null, message: null };
}
