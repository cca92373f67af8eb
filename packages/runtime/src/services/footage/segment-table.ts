import { GAP_REASONS, type GapReason, parseFootagePath } from '#core/footage';
import type { Database, Statement } from 'libsql';
import type { SegmentRow } from './segment-row.ts';
import type { Gap } from './timeline.ts';

/** The layout of the file. A file with another one is made again from the recordings. */
export const TABLE_VERSION = 2;

const SCHEMA = `
  CREATE TABLE segment (
    camera TEXT NOT NULL, ord INTEGER NOT NULL, dir TEXT NOT NULL, path TEXT NOT NULL, day INTEGER NOT NULL,
    start_ms REAL NOT NULL, end_ms REAL NOT NULL, bytes INTEGER NOT NULL, event INTEGER NOT NULL,
    closed INTEGER NOT NULL, read INTEGER NOT NULL, gap TEXT, gap_since REAL,
    PRIMARY KEY (camera, ord)
  ) WITHOUT ROWID;
  CREATE INDEX segment_by_time ON segment (camera, event, start_ms);
  CREATE INDEX segment_by_age ON segment (event, start_ms);
  CREATE INDEX segment_by_dir ON segment (dir, start_ms);
  CREATE INDEX segment_by_day ON segment (dir, camera, day);
  CREATE INDEX segment_unread ON segment (start_ms) WHERE read = 0;
  CREATE INDEX segment_open ON segment (camera) WHERE closed = 0;
  CREATE TABLE open_gap (camera TEXT PRIMARY KEY, since_ms REAL NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE mark (camera TEXT NOT NULL, alarm TEXT NOT NULL, from_ms REAL NOT NULL, to_ms REAL NOT NULL);
  CREATE INDEX mark_by_time ON mark (camera, to_ms);
  PRAGMA user_version = ${TABLE_VERSION};`;

/** A row as SQLite returns it. */
interface RawSegment {
  readonly camera: string;
  readonly ord: number;
  readonly dir: string;
  readonly path: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly bytes: number;
  readonly event: number;
  readonly closed: number;
  readonly read: number;
  readonly gap: string | null;
  readonly gap_since: number | null;
}

/** Sums of one camera, kind and directory. */
export interface RowSums {
  readonly camera: string;
  readonly dir: string;
  readonly event: boolean;
  readonly segments: number;
  readonly bytes: number;
}

/** Milliseconds since 1970. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Which segments may be removed or moved. */
export interface RowFilter {
  readonly camera?: string | undefined;
  readonly event?: boolean | undefined;
  readonly dirs?: readonly string[] | undefined;
  /** They end before then. */
  readonly endBeforeMs?: number | undefined;
}

/** Longest time that a segment is believed to last, milliseconds. */
export const LONGEST_MS: number = 24 * 3_600_000;
/** The times of a name and of the note in the file may differ by this. Milliseconds. */
const NAME_MS = 2_000;
const DAY_MS = 24 * 3_600_000;

/** The SQL of the index. Every method may throw what SQLite throws, and `damaged` for a row that makes no sense. */
export class SegmentTable {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  #longestMs: number;

  /** @param database With the layout of {@link createTables}. The table owns and closes it. */
  constructor(database: Database) {
    this.#database = database;
    this.#longestMs = this.#number('SELECT max(end_ms - start_ms) AS n FROM segment') ?? 0;
  }

  get(camera: string, order: number): SegmentRow | undefined {
    const raw = this.#prepared('SELECT * FROM segment WHERE camera = ? AND ord = ?').get(camera, order);
    return raw === undefined ? undefined : rowOf(raw as RawSegment);
  }

  put(row: SegmentRow): void {
    this.#longestMs = Math.max(this.#longestMs, row.endMs - row.startMs);
    const { camera, order, dir, path, startMs, endMs, bytes, gap } = row;
    const day = dayNumber(startOfName(path));
    const place = [camera, order, dir, path, day] as const;
    const flags = [row.event, row.closed, row.read].map(Number);
    const noted = [gap?.reason ?? null, gap?.sinceMs ?? null] as const;
    this.#prepared('INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      ...place,
      startMs,
      endMs,
      bytes,
      ...flags,
      ...noted,
    );
  }

  remove(camera: string, order: number): void {
    this.#prepared('DELETE FROM segment WHERE camera = ? AND ord = ?').run(camera, order);
  }

  /** Segments of a camera that have a part between two times. */
  overlapping(camera: string, fromMs: number, toMs: number): SegmentRow[] {
    const sql = 'SELECT * FROM segment WHERE camera = ? AND event = ? AND start_ms < ? AND start_ms > ? AND end_ms > ?';
    const earliestMs = fromMs - this.#longestMs - 1;
    return [0, 1].flatMap((event) => this.#rows(sql, camera, event, toMs, earliestMs, fromMs));
  }

  /** When the segment that begins last before a time begins. */
  startBefore(camera: string, ms: number): number | undefined {
    return this.#extreme('max', 'start_ms < ?', camera, ms);
  }

  /** When the segment that begins first at a time or after it begins. */
  startFrom(camera: string, ms: number): number | undefined {
    return this.#extreme('min', 'start_ms >= ?', camera, ms);
  }

  /** Closed segments, the oldest first. */
  oldest({ camera, event, dirs, endBeforeMs }: RowFilter, limit: number): SegmentRow[] {
    const terms: [sql: string, value: unknown][] = [];
    if (camera !== undefined) terms.push(['camera = ?', camera]);
    if (event !== undefined) terms.push(['event = ?', Number(event)]);
    // With a plus the index of the other terms is used, which is in the order that is wanted.
    const column = camera === undefined && event === undefined ? 'dir' : '+dir';
    if (dirs !== undefined) terms.push([`${column} IN (${dirs.map(() => '?').join(', ')})`, dirs]);
    if (endBeforeMs !== undefined) terms.push(['start_ms < ?', endBeforeMs], ['end_ms < ?', endBeforeMs]);
    const where = ['closed = 1', ...terms.map(([sql]) => sql)].join(' AND ');
    const sql = `SELECT * FROM segment WHERE ${where} ORDER BY start_ms LIMIT ?`;
    return this.#rows(sql, ...terms.flatMap(([, value]) => value), limit);
  }

  /** Segments whose files were not read, the newest first. */
  unread(limit: number): SegmentRow[] {
    return this.#rows('SELECT * FROM segment WHERE read = 0 ORDER BY start_ms DESC LIMIT ?', limit);
  }

  unreadCount(): number {
    return this.#number('SELECT count(*) AS n FROM segment WHERE read = 0') ?? 0;
  }

  /** Segments that a recorder may be writing. */
  growing(): SegmentRow[] {
    return this.#rows('SELECT * FROM segment WHERE closed = 0');
  }

  /** The segment of a camera that was begun last. */
  newest(camera: string): SegmentRow | undefined {
    return this.#rows('SELECT * FROM segment WHERE camera = ? ORDER BY ord DESC LIMIT 1', camera)[0];
  }

  ofCamera(camera: string): SegmentRow[] {
    return this.#rows('SELECT * FROM segment WHERE camera = ?', camera);
  }

  /** @param dayMs Any time of the day that the names of their files have. */
  ofDay(dir: string, camera: string, dayMs: number): SegmentRow[] {
    const sql = 'SELECT * FROM segment WHERE dir = ? AND camera = ? AND day = ?';
    return this.#rows(sql, dir, camera, dayNumber(dayMs));
  }

  /** The days of each camera that have segments in a directory. */
  days(dir: string): { readonly camera: string; readonly dayMs: number }[] {
    const sql = 'SELECT DISTINCT camera, day FROM segment WHERE dir = ?';
    const rows = this.#prepared(sql).all(dir) as { readonly camera: string; readonly day: number }[];
    return rows.map(({ camera, day }) => ({ camera, dayMs: day * DAY_MS }));
  }

  sums(): RowSums[] {
    const sql = `SELECT camera, dir, event, count(*) AS segments, sum(bytes) AS bytes FROM segment
                 GROUP BY camera, dir, event`;
    const rows = this.#prepared(sql).all() as (Omit<RowSums, 'event'> & { readonly event: number })[];
    return rows.map(({ camera, dir, event, segments, bytes }) => {
      return { camera, dir, event: event === 1, segments, bytes };
    });
  }

  /** When the oldest segment begins, milliseconds since 1970. */
  oldestMs(): number | undefined {
    const starts = [0, 1].map((event) => this.#number('SELECT min(start_ms) AS n FROM segment WHERE event = ?', event));
    const known = starts.filter((ms) => ms !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  /** When the oldest segment of a camera begins. @param event Only of that kind. Default: both. */
  oldestOf(camera: string, event?: boolean): number | undefined {
    const kinds = event === undefined ? [0, 1] : [Number(event)];
    const sql = 'SELECT min(start_ms) AS n FROM segment WHERE camera = ? AND event = ?';
    const known = kinds.map((kind) => this.#number(sql, camera, kind)).filter((ms) => ms !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  /** Bytes of a camera's segments that begin at a time or after it. */
  bytesSince(camera: string, ms: number): number {
    const sql = 'SELECT sum(bytes) AS n FROM segment WHERE camera = ? AND event = ? AND start_ms >= ?';
    return [0, 1].reduce((sum, event) => sum + (this.#number(sql, camera, event, ms) ?? 0), 0);
  }

  /** Cameras with a segment that begins before one of lower order. */
  setBack(): string[] {
    const sql = `SELECT DISTINCT camera FROM (
      SELECT camera, start_ms, lag(start_ms) OVER (PARTITION BY camera ORDER BY ord) AS before_ms FROM segment
    ) WHERE start_ms < before_ms`;
    return (this.#prepared(sql).all() as { readonly camera: string }[]).map(({ camera }) => camera);
  }

  /** All files are to be read again. */
  forgetRead(): void {
    this.#prepared('UPDATE segment SET read = 0').run();
  }

  /** Forgets the segments of directories that are not in use. @returns how many. */
  keepDirs(dirs: readonly string[]): number {
    const places = dirs.map(() => '?').join(', ');
    return this.#prepared(`DELETE FROM segment WHERE dir NOT IN (${places})`).run(...dirs).changes;
  }

  openGap(camera: string): Gap | undefined {
    const raw = this.#prepared('SELECT since_ms, reason FROM open_gap WHERE camera = ?').get(camera);
    if (raw === undefined) return undefined;
    const { since_ms: fromMs, reason } = raw as { readonly since_ms: number; readonly reason: string };
    return { fromMs, toMs: null, reason: asReason(reason) };
  }

  setOpenGap(camera: string, gap: Gap | undefined): void {
    if (gap) this.#prepared('INSERT OR REPLACE INTO open_gap VALUES (?, ?, ?)').run(camera, gap.fromMs, gap.reason);
    else this.#prepared('DELETE FROM open_gap WHERE camera = ?').run(camera);
  }

  gapCameras(): string[] {
    const rows = this.#prepared('SELECT camera FROM open_gap').all() as { readonly camera: string }[];
    return rows.map(({ camera }) => camera);
  }

  /**
   * Remembers a time of an event. Times of one alarm that touch are one. Those that ended before `forgetMs` are forgotten.
   *
   * @param alarm Its subject; empty: something else.
   */
  addMark(camera: string, { fromMs, toMs }: TimeRange, alarm: string, forgetMs: number): void {
    this.#prepared('DELETE FROM mark WHERE to_ms < ?').run(forgetMs);
    const { fromMs: first, toMs: last } = this.removeMarks(camera, alarm, { fromMs, toMs }) ?? { fromMs, toMs };
    this.#prepared('INSERT INTO mark VALUES (?, ?, ?, ?)').run(
      camera,
      alarm,
      Math.min(first, fromMs),
      Math.max(last, toMs),
    );
  }

  /** Forgets the times of an alarm that touch a range. @returns from the first to the last; undefined: none. */
  removeMarks(camera: string, alarm: string, { fromMs, toMs }: TimeRange): TimeRange | undefined {
    const where = 'camera = ? AND alarm = ? AND to_ms >= ? AND from_ms <= ?';
    const values = [camera, alarm, fromMs, toMs] as const;
    const raw = this.#prepared(`SELECT min(from_ms) AS a, max(to_ms) AS b FROM mark WHERE ${where}`).get(...values);
    const { a, b } = raw as { readonly a: number | null; readonly b: number | null };
    if (a === null || b === null) return undefined;
    this.#prepared(`DELETE FROM mark WHERE ${where}`).run(...values);
    return { fromMs: a, toMs: b };
  }

  /** Whether a time overlaps one that was marked. */
  isMarked(camera: string, fromMs: number, toMs: number): boolean {
    const sql = 'SELECT 1 FROM mark WHERE camera = ? AND from_ms < ? AND to_ms > ? LIMIT 1';
    return this.#prepared(sql).get(camera, toMs, fromMs) !== undefined;
  }

  everything(): SegmentRow[] {
    return this.#rows('SELECT * FROM segment');
  }

  /** Runs `work` in a transaction. */
  transaction<T>(work: () => T): T {
    if (this.#database.inTransaction) return work();
    this.#database.exec('BEGIN');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Writes a copy of the tables to a new file. */
  copyTo(path: string): void {
    this.#database.exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`);
  }

  /** Leaves one file. Idempotent. */
  close(): void {
    if (!this.#database.open) return;
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A disk that takes nothing: the next start reads the log beside the file, or makes the index again.
    }
    this.#database.close();
  }

  #extreme(which: 'min' | 'max', term: string, camera: string, ms: number): number | undefined {
    const sql = `SELECT ${which}(start_ms) AS n FROM segment WHERE camera = ? AND event = ? AND ${term}`;
    const found = [0, 1].map((event) => this.#number(sql, camera, event, ms)).filter((n) => n !== undefined);
    return found.length > 0 ? Math[which](...found) : undefined;
  }

  #rows(sql: string, ...values: readonly unknown[]): SegmentRow[] {
    return (this.#prepared(sql).all(...values) as RawSegment[]).map(rowOf);
  }

  #number(sql: string, ...values: readonly unknown[]): number | undefined {
    return (this.#prepared(sql).get(...values) as { readonly n: number | null }).n ?? undefined;
  }

  #prepared(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Makes the tables in an empty database. */
export function createTables(database: Database): void {
  database.exec(SCHEMA);
}

/** A damaged page may hold anything: what makes no sense is not believed. @throws Error */
function rowOf(raw: RawSegment): SegmentRow {
  const { camera, ord: order, dir, path, start_ms: startMs, end_ms: endMs, bytes } = raw;
  const name = typeof path === 'string' ? parseFootagePath(path) : undefined;
  const lasts = endMs - startMs;
  const sound =
    name?.camera === camera &&
    name.order === order &&
    name.event === (raw.event === 1) &&
    Math.abs(startMs - name.startMs) <= NAME_MS &&
    lasts >= 0 &&
    lasts <= LONGEST_MS &&
    bytes >= 0;
  if (!sound) throw new Error(`the index is malformed: the row of segment ${String(order)} makes no sense`);
  const gap = raw.gap === null ? null : { reason: asReason(raw.gap), sinceMs: raw.gap_since };
  const event = raw.event === 1;
  return {
    camera,
    order,
    dir,
    path,
    startMs,
    endMs,
    bytes,
    event,
    closed: raw.closed === 1,
    read: raw.read === 1,
    gap,
  };
}

function asReason(text: string): GapReason {
  const reason = GAP_REASONS.find((one) => one === text);
  if (!reason) throw new Error('the index is malformed: a gap has no known reason');
  return reason;
}

/** Whether the times of a note may be those of a file's name. */
export function fitsName(startMs: number, nameMs: number): boolean {
  return Math.abs(startMs - nameMs) <= NAME_MS;
}

function startOfName(path: string): number {
  return parseFootagePath(path)?.startMs ?? 0;
}

function dayNumber(ms: number): number {
  return Math.floor(ms / DAY_MS);
}
