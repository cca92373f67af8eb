import type { AbsenceReason } from './segment-note.ts';

/** A part of a recording, of one segment. Times are wall times, milliseconds since 1970. */
export interface Piece {
  readonly path: string;
  readonly order: number;
  readonly startMs: number;
  /** what of it is visible (not hidden by a later segment) */
  readonly fromMs: number;
  readonly toMs: number;
  readonly event: boolean;
  readonly growing: boolean;
}

/** What playback needs of the index. */
export interface FootageView {
  /** In order of time, not overlapping. */
  pieces(camera: string, fromMs: number, toMs: number): readonly Piece[];
  gaps(
    camera: string,
    fromMs: number,
    toMs: number,
  ): readonly { readonly fromMs: number; readonly toMs: number | null; readonly reason: AbsenceReason }[];
  cameras(): readonly string[];
  /** Files with results of a range, in order of their hours. Where a disk failed, an hour has several. */
  resultFiles(camera: string, fromMs: number, toMs: number): readonly string[];
}
