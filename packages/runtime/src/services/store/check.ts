import Libsql from 'libsql';
import { isSound, placeAfter, type RawRow, READ_COLUMNS, rowOf, textOf } from './checksum.ts';
import { type TimeSpan, TimeSpans } from './time-spans.ts';

/** What a check found. */
export interface CheckResult {
  /** Sentences of SQLite, ten at most. Empty: the structure and the indexes are whole. */
  readonly problems: readonly string[];
  /** The places of rows that do not say what was written. */
  readonly unsound: readonly number[];
  /** When the events were. */
  readonly spans: readonly TimeSpan[];
}

/** Rows that are read at a time. */
const SLICE = 1_000;

/**
 * Reads every page, every index and every row of a store. Waits for the disk: it belongs into a thread of its own.
 *
 * @param isStopped Asked between two steps. @returns undefined when it was stopped.
 */
export function check(path: string, isStopped: () => boolean = () => false): CheckResult | undefined {
  if (isStopped()) return undefined;
  const database = new Libsql(path);
  try {
    database.exec('PRAGMA query_only = 1');
    if (isStopped()) return undefined;
    const problems = problemsOf(database, 'integrity_check', 10);
    const scanned = scan(database, isStopped);
    return scanned && { problems, ...scanned };
  } finally {
    database.close();
  }
}

/** What a check of SQLite finds. As bytes: it quotes what it finds. */
export function problemsOf(database: Libsql.Database, name: 'integrity_check' | 'quick_check', most: number): string[] {
  const answers = database.prepare(`SELECT CAST(${name} AS BLOB) AS answer FROM pragma_${name}(${most})`).all();
  return answers.map((row) => textOf((row as { answer: Buffer }).answer) ?? '').filter((answer) => answer !== 'ok');
}

function scan(database: Libsql.Database, isStopped: () => boolean): Pick<CheckResult, 'unsound' | 'spans'> | undefined {
  const page = database.prepare(`SELECT ${READ_COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?`);
  const spans = new TimeSpans(false);
  const unsound: number[] = [];
  let after = 0;
  for (let rows = page.all(0, SLICE) as RawRow[]; rows.length > 0; ) {
    if (isStopped()) return undefined;
    for (const row of rows.map(rowOf))
      if (isSound(row)) spans.add(row.seq, row.at_ms);
      else unsound.push(row.seq);
    after = placeAfter(rows, after);
    rows = page.all(after, SLICE) as RawRow[];
  }
  return { unsound, spans: spans.all() };
}
