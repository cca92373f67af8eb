import type { Log } from '@vigia/base';
import type { FootageView, Piece } from '#core/footage';
import { resultFilePath, ResultList } from './result-list.ts';
import { IndexFile, isDamage } from './index-file.ts';
import { fileOf, type SegmentRow } from './segment-row.ts';
import type { RowFilter, SegmentTable, TimeRange } from './segment-table.ts';
import { Tally } from './tally.ts';
import {
  type Gap,
  gapsBetween,
  gapsWithin,
  partsBetween,
  type RecordedSpan,
  spansOf,
  type VisiblePart,
  visibleParts,
} from './timeline.ts';

/** Options of {@link FootageIndex}. */
export interface FootageIndexOptions {
  /** The file of the database. */
  readonly path: string;
  /** Segments in other directories are forgotten. */
  readonly dirs: readonly string[];
  readonly log: Log;
  /** The index is damaged and was emptied: the files must be compared with it. */
  readonly onEmptied: () => void;
}

/** A mark is remembered for this long before the oldest footage: what is read late gets it too. Milliseconds. */
const MARK_MS = 10 * 60_000;
/** Marks of one alarm are no further apart: it is repeated every 10 s. Milliseconds. */
const REPEATED_MS = 15_000;

/**
 * What was recorded, by row: the owner of the database and of the sums over it. Synchronous. It knows no file: its callers
 * keep files and rows the same. A database that fails is replaced without an error for the caller.
 */
export class FootageIndex implements FootageView {
  readonly #o: FootageIndexOptions;
  readonly #file: IndexFile;
  /** Cameras whose clock was set back, so that segments may hide others. */
  readonly #setBack: Set<string>;
  /** The files with results: no rows, and not lost with the database. */
  readonly resultList: ResultList = new ResultList();
  /** The index was made again from nothing when it was opened. */
  readonly fresh: boolean;
  #table: SegmentTable;
  #tally: Tally;
  #saved: boolean;
  #inBatch = false;

  constructor(options: FootageIndexOptions) {
    this.#o = options;
    this.#file = new IndexFile(options.path, options.log);
    const { table, fresh, saved } = this.#file.open();
    [this.#table, this.fresh, this.#saved] = [table, fresh, saved];
    this.#tally = new Tally([]);
    const forgotten = this.#use((used) => used.keepDirs(options.dirs));
    if (forgotten > 0)
      options.log.warn(`${forgotten} recordings are in directories that are not configured any longer`);
    this.#setBack = new Set(this.#use((used) => used.setBack()));
    this.#tally = new Tally(this.#use((used) => used.sums()));
  }

  /** Sums over all rows. */
  get tally(): Tally {
    return this.#tally;
  }

  /** Everything that recordings take, results included. */
  bytes(): number {
    return this.#tally.all().bytes + this.resultList.bytes();
  }

  /** See {@link bytes}: in one directory. */
  bytesIn(dir: string): number {
    return this.#tally.ofDir(dir).bytes + this.resultList.bytes(dir);
  }

  get(camera: string, order: number): SegmentRow | undefined {
    return this.#use((table) => table.get(camera, order));
  }

  /** Adds or replaces the row of a segment. */
  put(row: SegmentRow): void {
    const before = this.get(row.camera, row.order);
    if (!before && (this.newest(row.camera)?.startMs ?? 0) > row.startMs) this.#setBack.add(row.camera);
    this.#use((table) => table.put(row));
    if (before) this.#tally.remove(before);
    this.#tally.add(row);
  }

  /** @returns whether it had such a row. */
  remove(camera: string, order: number): boolean {
    const row = this.get(camera, order);
    if (!row) return false;
    this.#use((table) => table.remove(camera, order));
    this.#tally.remove(row);
    return true;
  }

  /** Changes many rows at once. `work` runs twice when the database fails: it must change nothing but rows. */
  batch(work: () => void): void {
    this.#use((table) => {
      this.#inBatch = true;
      try {
        table.transaction(work);
      } catch (error) {
        this.#tally = tallyOf(table);
        throw error;
      } finally {
        this.#inBatch = false;
      }
    });
  }

  overlapping(camera: string, fromMs: number, toMs: number): SegmentRow[] {
    return this.#use((table) => table.overlapping(camera, fromMs, toMs));
  }

  /** Closed segments, the oldest first. */
  oldest(filter: RowFilter, limit: number): SegmentRow[] {
    return this.#use((table) => table.oldest(filter, limit));
  }

  /** Segments that a recorder may be writing. */
  growing(): SegmentRow[] {
    return this.#use((table) => table.growing());
  }

  newest(camera: string): SegmentRow | undefined {
    return this.#use((table) => table.newest(camera));
  }

  /** Segments whose files were not read, the newest first. */
  unread(limit: number): SegmentRow[] {
    return this.#use((table) => table.unread(limit));
  }

  unreadCount(): number {
    return this.#use((table) => table.unreadCount());
  }

  /** All files are to be read again. */
  forgetRead(): void {
    this.#use((table) => table.forgetRead());
  }

  /** Rows of a camera in one directory, of the day of a file's name. */
  ofDay(dir: string, camera: string, dayMs: number): SegmentRow[] {
    return this.#use((table) => table.ofDay(dir, camera, dayMs));
  }

  /** The days of each camera that have rows in a directory. */
  days(dir: string): { readonly camera: string; readonly dayMs: number }[] {
    return this.#use((table) => table.days(dir));
  }

  oldestMs(): number | undefined {
    return this.#use((table) => table.oldestMs());
  }

  /** When the oldest recording of a camera begins. @param event Only of that kind. Default: both. */
  oldestOf(camera: string, event?: boolean): number | undefined {
    return this.#use((table) => table.oldestOf(camera, event));
  }

  /** Bytes of a camera's recordings that begin at a time or after it. */
  bytesSince(camera: string, ms: number): number {
    return this.#use((table) => table.bytesSince(camera, ms));
  }

  /** Segments of which nothing is visible, because the clock was set back. Reads all rows of such a camera. */
  hiddenSegments(): number {
    return [...this.#setBack].reduce((sum, camera) => sum + this.#hiddenOf(camera), 0);
  }

  cameras(): readonly string[] {
    const known = this.#use((table) => table.gapCameras());
    return [...new Set([...this.#tally.cameras, ...known])].sort();
  }

  /** @inheritdoc */
  pieces(camera: string, fromMs: number, toMs: number): readonly Piece[] {
    return partsBetween(visibleParts(this.overlapping(camera, fromMs, toMs)), fromMs, toMs).map(pieceOf);
  }

  /** @inheritdoc */
  resultFiles(camera: string, fromMs: number, toMs: number): readonly string[] {
    return this.resultList.between(camera, fromMs, toMs).map(resultFilePath);
  }

  /** Whether a segment of a camera begins in a range. */
  hasSegment(camera: string, fromMs: number, toMs: number): boolean {
    const first = this.#use((table) => table.startFrom(camera, fromMs));
    return first !== undefined && first < toMs;
  }

  /** @inheritdoc */
  gaps(camera: string, fromMs: number, toMs: number): readonly Gap[] {
    return gapsWithin(gapsBetween(this.#partsAround(camera, fromMs, toMs), this.openGap(camera)), fromMs, toMs);
  }

  /** What was recorded between two times, without interruptions and cut to them. */
  spans(camera: string, fromMs: number, toMs: number): readonly RecordedSpan[] {
    return spansOf(partsBetween(visibleParts(this.overlapping(camera, fromMs, toMs)), fromMs, toMs));
  }

  /** Nothing is recorded now. */
  beginGap(camera: string, gap: Gap): void {
    this.#use((table) => table.setOpenGap(camera, gap));
  }

  /** The gap that lasts. */
  openGap(camera: string): Gap | undefined {
    return this.#use((table) => table.openGap(camera));
  }

  /** A recording goes on. */
  endGap(camera: string): void {
    this.#use((table) => table.setOpenGap(camera, undefined));
  }

  /**
   * What lies between two times is of an event, also what is indexed later.
   *
   * @param alarm Its subject; null: something else.
   */
  addMark(camera: string, range: TimeRange, alarm: string | null): void {
    // As long as there is footage of then.
    const forgetMs = Math.min(range.fromMs, this.oldestMs() ?? range.fromMs) - MARK_MS;
    this.#use((table) => table.addMark(camera, range, alarm ?? '', forgetMs));
  }

  /** Forgets what an alarm marked that lasted at a time. @returns what it had marked; undefined: nothing. */
  removeMarks(camera: string, alarm: string, atMs: number): TimeRange | undefined {
    let [found, wanted]: (TimeRange | undefined)[] = [undefined, { fromMs: atMs, toMs: atMs }];
    while (wanted) {
      const { fromMs, toMs }: TimeRange = wanted;
      const around = { fromMs: fromMs - REPEATED_MS, toMs: toMs + REPEATED_MS };
      wanted = this.#use((table) => table.removeMarks(camera, alarm, around));
      if (wanted)
        found = {
          fromMs: Math.min(wanted.fromMs, found?.fromMs ?? wanted.fromMs),
          toMs: Math.max(wanted.toMs, found?.toMs ?? wanted.toMs),
        };
    }
    return found;
  }

  isMarked({ camera, startMs, endMs }: SegmentRow): boolean {
    return this.#use((table) => table.isMarked(camera, startMs, endMs));
  }

  /** Tries to write an index that lives in memory to its disk. */
  settle(): void {
    if (this.#saved) return;
    const saved = this.#file.save(this.#table);
    if (saved) [this.#table, this.#saved] = [saved, true];
  }

  close(): void {
    this.#table.close();
  }

  #hiddenOf(camera: string): number {
    const rows = this.#use((table) => table.ofCamera(camera)).filter(({ startMs, endMs }) => endMs > startMs);
    const seen = new Set(visibleParts(rows).map(({ row }) => row.order));
    return rows.length - seen.size;
  }

  /** With the segments before and behind, which say whether the time at the edges was recorded. */
  #partsAround(camera: string, fromMs: number, toMs: number): VisiblePart[] {
    const from = this.#use((table) => table.startBefore(camera, fromMs)) ?? fromMs;
    const next = this.#use((table) => table.startFrom(camera, toMs));
    return visibleParts(this.overlapping(camera, from, next === undefined ? toMs : next + 1));
  }

  #use<T>(work: (table: SegmentTable) => T): T {
    try {
      return work(this.#table);
    } catch (error) {
      // The batch as a whole is done again.
      if (this.#inBatch) throw error;
      this.#replace(error);
      return work(this.#table);
    }
  }

  #replace(cause: unknown): void {
    if (!isDamage(cause)) {
      // What lives in memory has no disk that could fail.
      if (!this.#saved) throw cause;
      [this.#table, this.#saved] = [this.#file.rescue(this.#table, cause), false];
      this.#tally = new Tally(this.#table.sums());
      return;
    }
    this.#o.log.warn(`the index of recordings is damaged (${String(cause)}): it is made again from the files`);
    this.#table.close();
    const { table, saved } = this.#file.create();
    [this.#table, this.#saved] = [table, saved];
    this.#tally = new Tally([]);
    this.#o.onEmptied();
  }
}

/** Of a table that has just failed: nothing when it cannot be read either. */
function tallyOf(table: SegmentTable): Tally {
  try {
    return new Tally(table.sums());
  } catch {
    // It is replaced next, and then the sums are taken again.
    return new Tally([]);
  }
}

function pieceOf({ row, fromMs, toMs }: VisiblePart): Piece {
  const { order, startMs, event, closed } = row;
  return { path: fileOf(row), order, startMs, fromMs, toMs, event, growing: !closed };
}
