import { statSync } from 'node:fs';
import { type EventQuery, EVENTS_LIMIT, SEVERITIES, type Severity } from '@vigia/contracts';
import Libsql, { type Database, type Statement } from 'libsql';
import { problemsOf } from './check.ts';
import { COLUMNS, isSound, placeAfter, type RawRow, READ_COLUMNS, rowOf, sumOfEvent, sumOfPlace } from './checksum.ts';
import type { Reached } from './mark.ts';
import { migrate } from './migrations.ts';
import { placesIn } from './places.ts';
import { prune, type Pruned, type Retention } from './pruning.ts';
import { countOf, selectionOf } from './selection.ts';
import { type TimeSpan, TimeSpans } from './time-spans.ts';

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

/** Another program may write for this long, milliseconds. */
const BUSY_MS = 1_000;
/** A larger file is checked while it is used already, bytes. */
const CHECKED_AT_ONCE = 32 * 1024 * 1024;
const NEWEST = `SELECT ${READ_COLUMNS} FROM event ORDER BY seq DESC LIMIT 100`;
const UNREAD = `SELECT ${READ_COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?`;

/** Options of {@link EventLog.open}. */
export interface OpenOptions {
  /** `power`: a stored event survives a power cut, at the price of an fsync per batch. */
  readonly durability?: 'process' | 'power' | undefined;
}

/**
 * The events of a node in one SQLite file, in the order in which they were stored, and the cursors of readers that
 * must not miss any. Synchronous: it belongs into a thread of its own.
 */
export class EventLog {
  readonly #database: Database;
  readonly #insert: Statement;
  readonly #place: Statement;
  readonly #spans: TimeSpans;
  /** A reader's place was damaged: which one is not known, so that every new reader begins with the first event. */
  #placeLost = false;
  /** Receives the places of rows that do not say what was written. They are in no answer. */
  onUnsound: (seqs: readonly number[]) => void = () => undefined;

  private constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare(
      `INSERT INTO event (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    );
    this.#place = database.prepare(
      `INSERT INTO cursor (name, seq, sum) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, sum = excluded.sum`,
    );
    this.#spans = new TimeSpans(this.lastSeq() === 0);
  }

  /** Opens or creates the file. @throws Error when it is damaged, of a later version, or cannot be used. */
  static open(path: string, { durability = 'process' }: OpenOptions = {}): EventLog {
    const database = new Libsql(path);
    try {
      database.exec(
        `PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`,
      );
      if (statSync(path).size <= CHECKED_AT_ONCE) quickCheck(database);
      migrate(database);
      const log = new EventLog(database);
      log.#checkPlaces();
      return log;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** A reader's place was damaged when the file was opened. */
  get placeLost(): boolean {
    return this.#placeLost;
  }

  /** Stores events in one transaction: all of them or, with an error, none. An id that is stored already is ignored. */
  append(events: readonly StoredEvent[]): void {
    const spans: (readonly [number, number])[] = [];
    this.#transaction(() => {
      let seq = this.lastSeq();
      for (const event of events) {
        if (!this.#insertAt(seq + 1, event)) continue;
        seq += 1;
        spans.push([seq, event.atMs]);
      }
    });
    for (const [seq, atMs] of spans) this.#spans.add(seq, atMs);
  }

  /** Returns the envelopes of matching events as JSON, in the order in which they were stored, or backwards. */
  read(query: EventQuery): string[] {
    const { id, limit, newest = false } = query;
    if (id !== undefined) return this.#one(id);
    const { sql, values, begin } = selectionOf(query, this.#boundsOf(query));
    const statement = this.#database.prepare(sql);
    return this.#sound(begin, limit, (...place) => statement.all(...values(...place)) as RawRow[], newest);
  }

  /** How many events match, `limit` at most. Does not read them: damaged rows count too. */
  countOf(query: EventQuery): number {
    const { sql, values } = countOf(query, this.#boundsOf(query));
    return Math.min(query.limit, (this.#database.prepare(sql).get(...values(query.limit)) as { readonly n: number }).n);
  }

  /** The first and the last place where an event of a query's page and time may be. */
  #boundsOf({ after, before, fromMs, toMs }: EventQuery): readonly [first: number, last: number] {
    const timed = fromMs !== undefined || toMs !== undefined;
    const [first, last] = timed ? this.#spans.bounds(fromMs, toMs) : [0, Number.MAX_SAFE_INTEGER - 1];
    return [
      after === undefined ? first : Math.max(first, this.#seqOf(after) + 1),
      before === undefined ? last : Math.min(last, this.#seqBefore(before)),
    ];
  }

  #one(id: string): string[] {
    const seq = this.#seq('SELECT seq FROM event WHERE id = ?', id);
    const statement = this.#database.prepare(UNREAD);
    return seq === 0 ? [] : this.#sound(seq - 1, 1, (...place) => statement.all(...place) as RawRow[]);
  }

  /** The next events of a reader with a cursor, as JSON. */
  unread(name: string, limit: number): string[] {
    const statement = this.#database.prepare(UNREAD);
    return this.#sound(this.#cursor(name), limit, (...place) => statement.all(...place) as RawRow[]);
  }

  /** A reader has dealt with everything up to this event. A place never moves back: what comes late changes nothing. */
  advance(name: string, id: string): void {
    const seq = this.#seqOf(id);
    if (seq > this.#cursor(name)) this.#move(name, seq);
  }

  /** A new reader begins with what is stored from now on. A known one keeps its place. */
  begin(name: string): void {
    if (this.#database.prepare('SELECT 1 FROM cursor WHERE name = ?').get(name)) return;
    this.#move(name, this.#placeLost ? 0 : this.lastSeq());
  }

  /** Forgets the readers whose names begin so, except these. */
  forgetOthers(prefix: string, names: readonly string[]): void {
    const others = placesIn(this.#database).filter(({ name }) => name.startsWith(prefix) && !names.includes(name));
    const forget = this.#database.prepare('DELETE FROM cursor WHERE name = ?');
    for (const { name } of others) forget.run(name);
  }

  /** The id that was stored last; undefined in a new log. A damaged row has none. */
  lastId(): string | undefined {
    const newest = this.#database.prepare(NEWEST).all() as RawRow[];
    return newest.map(rowOf).find(isSound)?.id;
  }

  count(): number {
    return (this.#database.prepare('SELECT count(*) AS n FROM event').get() as { readonly n: number }).n;
  }

  /** What a mark is to remember. */
  reached(): Reached {
    return { stored: this.lastSeq(), read: this.#seq('SELECT CAST(sum(seq) AS INTEGER) AS seq FROM cursor') };
  }

  /** Removes what retention does not keep. */
  prune(retention: Retention, nowMs: number): Pruned {
    const pruned = this.#transaction(() => prune(this.#database, { ...retention, nowMs }, placesIn(this.#database)));
    this.#spans.forgetBefore(this.#seq('SELECT min(seq) AS seq FROM event'));
    return pruned;
  }

  /** When the events were that are stored since before this log was opened. */
  know(spans: readonly TimeSpan[]): void {
    this.#spans.complete(spans);
  }

  /** Makes the indexes again and removes rows. @throws Error when the damage is not limited to that. */
  repair(unsound: readonly number[]): void {
    this.#transaction(() => {
      // A row that differs from its index entries cannot be removed.
      this.#database.exec('REINDEX');
      const remove = this.#database.prepare('DELETE FROM event WHERE seq = ?');
      for (const seq of unsound) remove.run(seq);
    });
  }

  /** A file that was closed is complete: nothing is left in the log beside it. */
  close(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#database.close();
  }

  /** Leaves the file as it is. */
  abandon(): void {
    this.#database.close();
  }

  /** The place that was given last, or after which the next one must be. Never below a reader's place: it would not see the next events. */
  lastSeq(): number {
    const given = this.#seq('SELECT CAST(seq AS INTEGER) AS seq FROM sqlite_sequence WHERE name = ?', 'event');
    const stored = this.#seq('SELECT max(seq) AS seq FROM event');
    const last = Math.max(given, stored, this.#seq('SELECT CAST(max(seq) AS INTEGER) AS seq FROM cursor'));
    if (!Number.isSafeInteger(last)) throw new Error('it is damaged: its numbers are too large');
    return last;
  }

  #insertAt(seq: number, { id, atMs, camera, kind, severity, body }: StoredEvent): boolean {
    const row = { seq, id, at_ms: atMs, camera, kind, severity: SEVERITIES.indexOf(severity), body };
    const { changes } = this.#insert.run(seq, id, atMs, camera, kind, row.severity, body, sumOfEvent(row));
    return changes > 0;
  }

  /** Reads on behind damaged rows: a page is short only at the end. */
  #sound(
    from: number,
    limit: number,
    rowsAfter: (place: number, limit: number) => readonly RawRow[],
    newest = false,
  ): string[] {
    // One more says whether there are more.
    const most = Math.min(limit, EVENTS_LIMIT + 1);
    const bodies: string[] = [];
    const unsound: number[] = [];
    for (let after = from, more = true; more && bodies.length < most; ) {
      const wanted = most - bodies.length;
      const rows = rowsAfter(after, wanted);
      for (const row of rows.map(rowOf))
        if (isSound(row)) bodies.push(row.body);
        else unsound.push(row.seq);
      more = rows.length === wanted;
      after = placeAfter(rows, after, newest);
    }
    if (unsound.length > 0) this.onUnsound(unsound);
    return bodies;
  }

  #cursor(name: string): number {
    return this.#seq('SELECT CAST(seq AS INTEGER) AS seq FROM cursor WHERE name = ?', name);
  }

  #move(name: string, seq: number): void {
    this.#place.run(name, seq, sumOfPlace(name, seq));
  }

  /** A place that is wrong would hide events from its reader: it is forgotten, and the reader gets everything again. */
  #checkPlaces(): void {
    const all = placesIn(this.#database);
    const sound = all.filter(({ name, seq, sum }) => sum === sumOfPlace(name, seq));
    this.#placeLost = sound.length < all.length;
    if (!this.#placeLost) return;
    // All of them: a name that is damaged names nobody.
    this.#transaction(() => {
      this.#database.exec('DELETE FROM cursor');
      for (const { name, seq } of sound) this.#move(name, seq);
    });
  }

  /** The place of an id. Of one that is gone: of the last event that was stored before its time. */
  #seqOf(id: string): number {
    const known = this.#seq('SELECT seq FROM event WHERE id = ?', id);
    return known > 0 ? known : this.#seq('SELECT seq FROM event WHERE id < ? ORDER BY id DESC LIMIT 1', id);
  }

  /** The place before that of an id. Of one that is gone: of the last event that was stored before its time. */
  #seqBefore(id: string): number {
    const known = this.#seq('SELECT seq FROM event WHERE id = ?', id);
    return known > 0 ? known - 1 : this.#seqOf(id);
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

function quickCheck(database: Database): void {
  const [problem] = problemsOf(database, 'quick_check', 1);
  if (problem !== undefined) throw new Error(`it is damaged: ${problem}`);
}
