import type { RecordingStatus } from '@vigia/contracts';

/** What the metrics of recordings are computed from. */
export interface RecordingSources {
  /** By camera; those that are recorded. */
  readonly recorders: Readonly<Record<string, RecordingStatus>>;
  /** Results that should have been kept beside recordings, and were not. */
  readonly lostResults: number;
  /** Null without recordings, or while the process that keeps them does not answer. */
  readonly footage: {
    readonly bytes: number;
    readonly eventBytes: number;
    readonly freeBytes: number;
    readonly deletedSegments: number;
    readonly lostSegments: number;
  } | null;
}
