import Libsql from 'libsql';
import { COLUMNS, isSound, type SummedRow } from './checksum.ts';
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

/** Reads every page, every index and every row of a store. Waits for the disk: it belongs into a thread of its own. */
export function check(path: string): CheckResult {
  const database = new Libsql(path);
  try {
    database.exec('PRAGMA query_only = 1');
    const answers = database.prepare('PRAGMA integrity_check(10)').all() as { readonly integrity_check: string }[];
    const problems = answers.map(({ integrity_check }) => integrity_check).filter((answer) => answer !== 'ok');
    return { problems, ...scan(database) };
  } finally {
    database.close();
  }
}

function scan(database: Libsql.Database): Pick<CheckResult, 'unsound' | 'spans'> {
  const page = database.prepare(`SELECT ${COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?`);
  const spans = new TimeSpans(false);
  const unsound: number[] = [];
  for (let rows = page.all(0, SLICE) as SummedRow[]; rows.length > 0; ) {
    for (const row of rows)
      if (isSound(row)) spans.add(row.seq, row.at_ms);
      else unsound.push(row.seq);
    rows = page.all(rows.at(-1)?.seq, SLICE) as SummedRow[];
  }
  return { unsound, spans: spans.all() };
}
