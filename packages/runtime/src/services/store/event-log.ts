import { existsSync, renameSync } from 'node:fs';
import { messageOf } from '@vigia/base';
import { type EventQuery, EVENTS_LIMIT, SEVERITIES, type Severity } from '@vigia/contracts';
import Libsql, { type Database, type Statement } from 'libsql';
import { migrate } from './migrations.ts';

/** An event as it is stored: its envelope as JSON, and the parts that queries filter by. */
export interface StoredEvent {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly camera: string | null;
  readonly kind: string;
  readonly severity: Severity;
  /** The whole event, as JSON. */
  readonly body: string;
}

/** What is kept. */
export interface Retention {
  /** Older events are removed. Milliseconds. */
  readonly ageMs: number;
  /** The newest ones are kept. */
  readonly count: number;
}

/**
 * What one pruning removes at most. Aged: few, because a clock that is ahead makes everything old. Both: a large removal
 * would hold up events that wait to be stored.
 */
const SLICE = { aged: 2_000, excess: 20_000 } as const;
/** Another program may write for this long, milliseconds. */
const BUSY_MS = 1_000;

/** What a pruning removed. */
export interface Pruned {
  readonly removed: number;
  /** How many of them a reader with a cursor had not read yet, by its name. */
  readonly unread: Readonly<Record<string, number>>;
}

/** Options of {@link EventLog.open}. */
interface OpenOptions {
  /** `power`: a stored event survives a power cut, at the price of an fsync per batch. */
  readonly durability?: 'process' | 'power';
  readonly nowMs: number;
}

/**
 * The events of a node in one SQLite file, in the order in which they were stored, and the cursors of readers that
 * must not miss any. Synchronous: it belongs into a thread of its own.
 */
export class EventLog {
  readonly #database: Database;
  readonly #insert: Statement;
  readonly #advance: Statement;

  private constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare(
      `INSERT INTO event (id, at_ms, camera, kind, severity, body) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    );
    // A cursor never goes back: an acknowledgement that comes late changes nothing.
    this.#advance = database.prepare(
      'INSERT INTO cursor (name, seq) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)',
    );
  }

  /**
   * Opens or creates the file. A file that is damaged or that cannot be read is set aside, with its name in `setAside`,
   * and a new one takes its place.
   *
   * @throws Error when no file can be created there.
   */
  static open(path: string, options: OpenOptions): { readonly log: EventLog; readonly setAside: SetAside | undefined } {
    try {
      return { log: EventLog.#opened(path, options), setAside: undefined };
    } catch (error) {
      if (!existsSync(path) || !isDamaged(error)) throw error;
      const setAside = { path: `${path}.damaged-${options.nowMs}`, why: messageOf(error) };
      // The newest events are in the log beside the file.
      for (const suffix of ['', '-wal', '-shm'])
        if (existsSync(path + suffix)) renameSync(path + suffix, setAside.path + suffix);
      return { log: EventLog.#opened(path, options), setAside };
    }
  }

  static #opened(path: string, { durability = 'process' }: OpenOptions): EventLog {
    const database = new Libsql(path);
    try {
      database.exec(
        `PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`,
      );
      const checked = database.prepare('PRAGMA quick_check(1)').get() as { readonly quick_check?: string } | undefined;
      if (checked?.quick_check !== 'ok') throw new Error(`it is damaged: ${checked?.quick_check ?? 'no answer'}`);
      migrate(database);
      return new EventLog(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Stores events in one transaction: all of them or, with an error, none. An id that is stored already is ignored. */
  append(events: readonly StoredEvent[]): void {
    this.#transaction(() => {
      for (const { id, atMs, camera, kind, severity, body } of events)
        this.#insert.run(id, atMs, camera, kind, SEVERITIES.indexOf(severity), body);
    });
  }

  /** Returns the envelopes of matching events as JSON, in the order in which they were stored. */
  read({ after, camera, cameras, kinds, severity, fromMs, toMs, limit }: EventQuery): string[] {
    const conditions: string[] = [];
    const values: unknown[] = [];
    const only = (condition: string, ...its: readonly unknown[]): void => {
      conditions.push(condition);
      values.push(...its);
    };
    if (after !== undefined) only('seq > ?', this.#seqOf(after));
    if (camera !== undefined) only('camera = ?', camera);
    if (cameras !== undefined) only(`camera IN (${marks(cameras)})`, ...cameras);
    if (kinds !== undefined) only(`kind IN (${marks(kinds)})`, ...kinds);
    if (severity !== undefined) only('severity >= ?', SEVERITIES.indexOf(severity));
    if (fromMs !== undefined) only('at_ms >= ?', fromMs);
    if (toMs !== undefined) only('at_ms < ?', toMs);
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    const rows = this.#database
      .prepare(`SELECT body FROM event ${where} ORDER BY seq LIMIT ?`)
      .all(...values, Math.min(limit, EVENTS_LIMIT)) as readonly { readonly body: string }[];
    return rows.map(({ body }) => body);
  }

  /** The next events of a reader with a cursor, as JSON. */
  unread(name: string, limit: number): string[] {
    const rows = this.#database
      .prepare('SELECT body FROM event WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(this.#cursor(name), Math.min(limit, EVENTS_LIMIT)) as readonly { readonly body: string }[];
    return rows.map(({ body }) => body);
  }

  /** A reader has dealt with everything up to this event. */
  advance(name: string, id: string): void {
    this.#advance.run(name, this.#seqOf(id));
  }

  /** A new reader begins with what is stored from now on. A known one keeps its place. */
  begin(name: string): void {
    this.#database
      .prepare('INSERT INTO cursor (name, seq) VALUES (?, ?) ON CONFLICT (name) DO NOTHING')
      .run(name, this.#lastSeq());
  }

  /** The id that was stored last; undefined in a new log. */
  lastId(): string | undefined {
    const row = this.#database.prepare('SELECT id FROM event ORDER BY seq DESC LIMIT 1').get();
    return (row as { readonly id: string } | undefined)?.id;
  }

  count(): number {
    return (this.#database.prepare('SELECT count(*) AS n FROM event').get() as { readonly n: number }).n;
  }

  /** Removes what retention does not keep. */
  prune({ ageMs, count }: Retention, nowMs: number): Pruned {
    return this.#transaction(() => {
      // Nothing is removed but the oldest, so that places are without gaps: a later event with an old time stays, and so
      // does what was stored before it. A clock that was wrong once does not remove what came before.
      const firstKept = this.#seq('SELECT min(seq) AS seq FROM event WHERE at_ms >= ?', nowMs - ageMs);
      const old = firstKept > 0 ? firstKept - 1 : this.#lastSeq();
      const first = this.#seq('SELECT min(seq) AS seq FROM event');
      const until = Math.max(
        Math.min(old, first - 1 + SLICE.aged),
        Math.min(this.#lastSeq() - count, first - 1 + SLICE.excess),
      );
      const cursors = this.#database.prepare('SELECT name, seq FROM cursor WHERE seq < ?').all(until) as readonly {
        readonly name: string;
        readonly seq: number;
      }[];
      const unread = cursors.map(({ name, seq }) => {
        const row = this.#database
          .prepare('SELECT count(*) AS n FROM event WHERE seq > ? AND seq <= ?')
          .get(seq, until);
        return [name, (row as { readonly n: number }).n] as const;
      });
      const { changes } = this.#database.prepare('DELETE FROM event WHERE seq <= ?').run(until);
      return { removed: changes, unread: Object.fromEntries(unread.filter(([, n]) => n > 0)) };
    });
  }

  /** A file that was closed is complete: nothing is left in the log beside it. */
  close(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#database.close();
  }

  #cursor(name: string): number {
    return this.#seq('SELECT seq FROM cursor WHERE name = ?', name);
  }

  #lastSeq(): number {
    return this.#seq('SELECT seq FROM sqlite_sequence WHERE name = ?', 'event');
  }

  /** The place of an id. Of one that is gone: of the last event that was stored before its time. */
  #seqOf(id: string): number {
    const known = this.#seq('SELECT seq FROM event WHERE id = ?', id);
    return known > 0 ? known : this.#seq('SELECT seq FROM event WHERE id < ? ORDER BY id DESC LIMIT 1', id);
  }

  #seq(statement: string, ...values: readonly (string | number)[]): number {
    const row = this.#database.prepare(statement).get(...values) as { readonly seq: number | null } | undefined;
    return row?.seq ?? 0;
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

/** Places of values in a statement. */
function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

/** A file that is locked, or on a disk that fails, is not damaged: it must not be replaced. */
function isDamaged(error: unknown): boolean {
  return !/locked|busy|disk I\/O|full|unable to open|permission|readonly|read-only/i.test(messageOf(error));
}

/** A file that took no part any more, and why. */
export interface SetAside {
  readonly path: string;
  readonly why: string;
}
