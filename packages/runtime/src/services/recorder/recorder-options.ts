import type { Clock, Log } from '@vigia/base';
import type { EncodedTap } from '#core/encoded';
import type { GapReason, RecorderState, RecordPolicy, Written } from '#core/footage';

/** Options of {@link Recorder}. */
export interface RecorderOptions {
  readonly node: string;
  readonly camera: string;
  readonly boot: string;
  /** All directories that may hold earlier footage of this camera. */
  readonly dirs: readonly string[];
  readonly policy: RecordPolicy;
  /** Of the ring of the seconds before an event. */
  readonly ringBytes: number;
  /** Carries the stream from the connection on. The recorder closes it. */
  readonly tap: EncodedTap;
  readonly clock: Clock;
  readonly log: Log;
  readonly onState: (state: RecorderState) => void;
  readonly onWritten: (written: Written) => void;
  /** Recording stopped at this wall time, milliseconds since 1970. */
  readonly onGap: (sinceMs: number, reason: GapReason) => void;
}
