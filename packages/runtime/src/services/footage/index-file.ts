import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Log, messageOf, makeFoldersSync } from '@vigia/base';
import Libsql, { type Database } from 'libsql';
import { createTables, SegmentTable, TABLE_VERSION } from './segment-table.ts';

const SUFFIXES = ['', '-wal', '-shm', '-new'] as const;
const DAMAGED = /malformed|not a database|corrupt|no such (?:table|column)|UTF-8/i;
/** Another program may hold the file for this long, milliseconds. */
const BUSY_MS = 1_000;

/** Whether an error says that the index is damaged, and not that its disk takes nothing. */
export function isDamage(error: unknown): boolean {
  return DAMAGED.test(messageOf(error));
}

/**
 * The file of the index. It holds nothing that the recordings do not say themselves: a damaged one is made again, and
 * while its disk takes nothing the index lives in memory. Each is one sentence in the log.
 */
export class IndexFile {
  readonly #path: string;
  readonly #log: Log;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** @returns the table, and whether it is empty because there was no file that could be used. */
  open(): { readonly table: SegmentTable; readonly fresh: boolean; readonly saved: boolean } {
    try {
      makeFoldersSync(dirname(this.#path), 0o700);
      if (existsSync(this.#path)) return { table: new SegmentTable(this.#openKnown()), fresh: false, saved: true };
    } catch (error) {
      const why = messageOf(error);
      this.#log.warn(`the index of recordings ${this.#path} cannot be used (${why}): it is made again from the files`);
    }
    return { ...this.create(), fresh: true };
  }

  /** An empty index, in place of the file; in memory when the disk takes none. */
  create(): { readonly table: SegmentTable; readonly saved: boolean } {
    try {
      this.#remove();
      const database = connect(this.#path);
      createTables(database);
      return { table: new SegmentTable(database), saved: true };
    } catch (error) {
      this.#sayMemory(error);
      return { table: inMemory(), saved: false };
    }
  }

  /** Goes on in memory with the rows of a table whose disk takes nothing. Closes that. */
  rescue(table: SegmentTable, cause: unknown): SegmentTable {
    this.#sayMemory(cause);
    const copy = inMemory();
    const rows = orUndefined(() => table.everything()) ?? [];
    copy.transaction(() => {
      for (const row of rows) copy.put(row);
    });
    orUndefined(() => table.close());
    return copy;
  }

  /** Writes an index that lives in memory to the disk again. Undefined while the disk does not take it. */
  save(table: SegmentTable): SegmentTable | undefined {
    return orUndefined(() => {
      this.#remove();
      table.copyTo(`${this.#path}-new`);
      renameSync(`${this.#path}-new`, this.#path);
      const saved = new SegmentTable(this.#openKnown());
      table.close();
      this.#log.info(`the index of recordings is kept in ${this.#path} again`);
      return saved;
    });
  }

  #openKnown(): Database {
    const database = connect(this.#path);
    try {
      const found = (database.prepare('PRAGMA quick_check(1)').get() as Record<string, unknown> | undefined) ?? {};
      const problem = Object.values(found)[0];
      if (problem !== 'ok') throw new Error(String(problem));
      const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
      if (version !== TABLE_VERSION) throw new Error(`it has version ${version}, this vigia writes ${TABLE_VERSION}`);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  #remove(): void {
    for (const suffix of SUFFIXES) rmSync(this.#path + suffix, { force: true });
  }

  #sayMemory(cause: unknown): void {
    const why = messageOf(cause);
    this.#log.warn(`the index of recordings cannot be written to ${this.#path} (${why}): it is kept in memory`);
  }
}

function connect(path: string): Database {
  const database = new Libsql(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function inMemory(): SegmentTable {
  const database = new Libsql(':memory:');
  createTables(database);
  return new SegmentTable(database);
}

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    // The caller goes on without it, and has said why.
    return undefined;
  }
}
