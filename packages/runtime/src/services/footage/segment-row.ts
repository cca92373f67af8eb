import { join } from 'node:path';
import type { GapReason } from '#core/footage';

/** A segment as the index knows it. Exactly one row stands for a segment, and it names one file. */
export interface SegmentRow {
  readonly camera: string;
  readonly order: number;
  /** The directory of recordings, absolute. */
  readonly dir: string;
  /** Of the file in it. */
  readonly path: string;
  /** Wall time of its first picture and behind its last one, milliseconds since 1970. Equal: nothing of it can be played. */
  readonly startMs: number;
  readonly endMs: number;
  /** Of the file. */
  readonly bytes: number;
  readonly event: boolean;
  /** No recorder writes to it. */
  readonly closed: boolean;
  /** The file was read; until then the times are those of its name. */
  readonly read: boolean;
  /** Why nothing was recorded before it. */
  readonly gap: SegmentGap | null;
}

/** What a segment notes of the time before it. */
export interface SegmentGap {
  readonly reason: GapReason;
  readonly sinceMs: number | null;
}

/** What cannot change in the life of a segment, as a key for maps and locks. */
export function keyOf({ camera, order }: Pick<SegmentRow, 'camera' | 'order'>): string {
  return `${camera}/${order}`;
}

/** The file of a segment, absolute. */
export function fileOf({ dir, path }: Pick<SegmentRow, 'dir' | 'path'>): string {
  return join(dir, path);
}
