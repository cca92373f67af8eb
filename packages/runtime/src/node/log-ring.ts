import { type LogRecord, quoted } from '@vigia/base';
import { LOG_LEVELS, type LogAnswer, type LogEntry, type LogQuery } from '@vigia/contracts';

const RECORDS = 2_000;
/** Of all records together. */
const CHARACTERS = 512 * 1024;
const MESSAGE_LIMIT = 2_000;
/** A source is a process and a consumer: two ids of at most 63 characters. */
const SOURCE_LIMIT = 150;
const TIME_LIMIT = 30;

/** The newest records of a node's log, in memory: bounded, printable, without secrets. */
export class LogRing {
  readonly #records: LogEntry[] = [];
  #characters = 0;
  #last = 0;

  /** Keeps a record and discards the oldest ones beyond the bounds. */
  add(record: LogRecord): void {
    this.#last += 1;
    const entry = entryOf(record, this.#last);
    this.#records.push(entry);
    this.#characters += charactersOf(entry);
    while (this.#records.length > RECORDS || this.#characters > CHARACTERS)
      this.#characters -= charactersOf(this.#records.shift() as LogEntry);
  }

  /** Reads records, oldest first. */
  read({ after, limit, level }: LogQuery): LogAnswer {
    const least = LOG_LEVELS.indexOf(level);
    const wanted = this.#records.filter((one) => LOG_LEVELS.indexOf(one.level) >= least);
    if (after === undefined) return { records: wanted.slice(-limit), lost: 0, next: this.#last };
    const from = after > this.#last ? 0 : after;
    const later = wanted.filter(({ number }) => number > from);
    const records = later.slice(0, limit);
    // Records of lower levels are passed over as well, unless others of this level still wait.
    const next = later.length > limit ? (records.at(-1) as LogEntry).number : this.#last;
    const oldest = this.#last - this.#records.length + 1;
    return { records, lost: Math.max(0, oldest - 1 - from), next };
  }
}

/** A child writes its own records: their types are only claimed. */
function entryOf({ time, level, from, message }: LogRecord, number: number): LogEntry {
  return {
    number,
    time: shown(time, TIME_LIMIT),
    level: LOG_LEVELS.includes(level) ? level : 'warn',
    source: shown(from, SOURCE_LIMIT),
    message: shown(message, MESSAGE_LIMIT),
  };
}

function shown(text: unknown, limit: number): string {
  return quoted(String(text), limit);
}

function charactersOf({ time, source, message }: LogEntry): number {
  return time.length + source.length + message.length;
}
