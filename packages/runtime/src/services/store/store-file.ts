import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf, makeFoldersSync } from '@vigia/base';
import type { CheckResult } from './check.ts';
import { EventLog, type OpenOptions, type StoredEvent } from './event-log.ts';
import { Mark } from './mark.ts';

/** What is gone from the store, or was. */
export interface Damage {
  /** A sentence. */
  readonly message: string;
  /** Events that are gone for good, as far as they can be counted. */
  readonly discarded: number;
}

/** Options of {@link StoreFile}. */
export interface StoreFileOptions extends OpenOptions {
  readonly path: string;
  /** For the name of a file that is set aside. Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly onDamage: (damage: Damage) => void;
  /** A file is open, with what may be in it: time to check it. */
  readonly onOpen: (log: EventLog) => void;
}

/** Files of one store. */
const SUFFIXES = ['', '-wal', '-shm', '-mark'] as const;
/** The store is on a disk that does not take it now. */
const DISK =
  /is locked|busy|disk I\/O|disk is full|unable to open|permission|readonly|out of memory|EROFS|EACCES|EPERM|ENOSPC|EIO|EMFILE|EDQUOT/i;
/** A file that was opened without the right to write never gets it. */
const READ_ONLY = /readonly/i;
const DAMAGED = /malformed|not a database|is damaged|corrupt|UTF-8|no such (?:table|column)/i;
/** Characters of an error that a sentence quotes. */
const QUOTED = 200;
/** What a check finds when nothing but indexes is wrong. */
const INDEX_ONLY =
  /^(?:row \d+ (?:missing from|values differ from) index|wrong # of entries in index|non-unique entry)/;
/** What it finds in rows, whose checksums say the same. */
const ROW_ONLY = /^(?:NULL|NUMERIC|TEXT) value in /;

/**
 * The log of events and the files that it is in. A damaged file is set aside, and a new one begins; a file that cannot be
 * opened because of its disk is tried again with the next request. Nothing is lost without a sentence.
 */
export class StoreFile {
  readonly #o: StoreFileOptions;
  readonly #mark: Mark;
  #log: EventLog | undefined;
  /** Readers that came before the file could be opened. */
  readonly #beginners = new Set<string>();
  #repairs = 0;
  #reported = '';

  constructor(options: StoreFileOptions) {
    this.#o = options;
    this.#mark = new Mark(`${options.path}-mark`);
  }

  /** Works with the log, opened if need be. @throws Error when the disk does not let it. */
  use<T>(work: (log: EventLog) => T): T {
    const log = this.open();
    try {
      return work(log);
    } catch (error) {
      if (READ_ONLY.test(messageOf(error))) this.#drop();
      if (!this.#isDamage(error)) throw error;
      this.#startAnew(messageOf(error));
      return work(this.open());
    }
  }

  /** Stores events in one transaction. */
  append(events: readonly StoredEvent[]): void {
    this.use((log) => {
      log.append(events);
      this.#mark.write(log.reached());
    });
  }

  /** See {@link EventLog.begin}. */
  begin(name: string): void {
    this.#beginners.add(name);
    this.use((log) => log.begin(name));
  }

  /** See {@link EventLog.advance}. */
  advance(name: string, id: string): void {
    this.use((log) => {
      log.advance(name, id);
      this.#mark.write(log.reached());
    });
  }

  /** See {@link EventLog.forgetOthers}. */
  forgetOthers(prefix: string, names: readonly string[]): void {
    for (const name of this.#beginners)
      if (name.startsWith(prefix) && !names.includes(name)) this.#beginners.delete(name);
    this.use((log) => {
      log.forgetOthers(prefix, names);
      this.#mark.write(log.reached());
    });
  }

  /** @throws Error when no file can be used there. */
  open(): EventLog {
    if (this.#log) return this.#log;
    const { path, onOpen } = this.#o;
    try {
      makeFoldersSync(dirname(path), 0o700);
      this.#log = this.#opened();
    } catch (error) {
      if (!existsSync(path) || (isOfDisk(error) && !this.#isDamage(error))) throw reasonOf(path, error);
      this.#setAside(messageOf(error));
      this.#log = this.#opened();
    }
    onOpen(this.#log);
    return this.#log;
  }

  /** What the check of the open file found. @returns whether it is to be checked again. */
  checked({ problems, unsound, spans }: CheckResult): boolean {
    if (problems.length === 0 && unsound.length === 0) {
      this.#log?.know(spans);
      return false;
    }
    const worse = problems.find((problem) => !INDEX_ONLY.test(problem) && !ROW_ONLY.test(problem));
    if (worse !== undefined || this.#repairs > 1) this.#startAnew(worse ?? problems[0] ?? 'rows are damaged');
    else this.repair(unsound);
    return true;
  }

  /** Makes the indexes again, and removes rows that are damaged. */
  repair(unsound: readonly number[]): void {
    const { path } = this.#o;
    this.#repairs += 1;
    try {
      this.open().repair(unsound);
    } catch (error) {
      if (isOfDisk(error)) throw error;
      this.#startAnew(messageOf(error));
      return;
    }
    const discarded = unsound.length;
    const message =
      discarded > 0
        ? `${discarded} events in the store ${path} are damaged: they are discarded`
        : `indexes of the store ${path} are damaged: they were made again, no event is missing`;
    this.#report({ message, discarded });
  }

  close(): void {
    this.#mark.close();
    this.#log?.close();
    this.#log = undefined;
  }

  #opened(): EventLog {
    const { path, durability } = this.#o;
    const log = EventLog.open(path, { durability });
    if (log.placeLost)
      this.#report({
        message: `a reader's place in the store ${path} is damaged: new readers get everything that is stored`,
        discarded: 0,
      });
    this.#compareWithMark(log);
    for (const name of this.#beginners) log.begin(name);
    return log;
  }

  #compareWithMark(log: EventLog): void {
    const { path } = this.#o;
    const [reached, marked] = [log.reached(), this.#mark.read()];
    const missing = (marked?.stored ?? 0) - reached.stored;
    const cause = 'its file or its log was cut off, damaged or replaced';
    if (missing > 0)
      this.#report({
        message: `the newest ${missing} events are missing in the store ${path}: ${cause}`,
        discarded: missing,
      });
    else if (marked && marked.read > reached.read && !log.placeLost)
      this.#report({ message: `readers of the store ${path} get events again: ${cause}`, discarded: 0 });
    this.#mark.write(reached);
  }

  /** Leaves the files as they are: the next request opens them. */
  #drop(): void {
    this.#mark.close();
    this.#log?.abandon();
    this.#log = undefined;
  }

  /** One bit of its header makes a file read-only for SQLite, on a disk that is not. */
  #isDamage(error: unknown): boolean {
    const text = messageOf(error);
    return DAMAGED.test(text) || (READ_ONLY.test(text) && reasonOf(this.#o.path, undefined) === undefined);
  }

  /** At once: a check of a file that is not there would create it. */
  #startAnew(why: string): void {
    this.#setAside(why);
    this.open();
  }

  #setAside(why: string): void {
    const { path, nowMs } = this.#o;
    this.#drop();
    this.#repairs = 0;
    const to = `${path}.damaged-${nowMs()}`;
    // The newest events are in the log beside the file.
    for (const suffix of SUFFIXES) if (existsSync(path + suffix)) renameSync(path + suffix, to + suffix);
    this.#report({
      message: `the store ${path} is damaged (${printable(why)}): it is now ${to}, a new one begins`,
      discarded: 0,
    });
  }

  /** Once: a disk that takes nothing would let the same be found again. */
  #report(damage: Damage): void {
    if (damage.message !== this.#reported) this.#o.onDamage(damage);
    this.#reported = damage.message;
  }
}

/** A file that is locked, or on a disk that fails, is not damaged: it must not be replaced. */
export function isOfDisk(error: unknown): boolean {
  const text = `${codeOf(error) ?? ''} ${messageOf(error)}`;
  // What is damaged is quoted, and may be any word.
  return DISK.test(text) && !DAMAGED.test(text);
}

/** SQLite reports a number where the system has a sentence. */
function reasonOf(path: string, error: unknown): unknown {
  try {
    closeSync(openSync(path, 'a'));
    return error;
  } catch (reason) {
    return reason;
  }
}

/** SQLite quotes what it finds. */
function printable(text: string): string {
  return text
    .replace(/^it is damaged: |\*\*\*.*\*\*\*\s*/g, '')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, QUOTED);
}
