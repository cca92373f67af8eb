import type { Database } from 'libsql';
import { SEVERITIES } from '@vigia/contracts';
import type { Place } from './places.ts';

/** What is kept. */
export interface Retention {
  /** Older events are removed. Milliseconds. */
  readonly ageMs: number;
  /**
   * So many are kept. Beyond, the least severe go first, the oldest of them, as long as their severity has more than a
   * quarter of the count: a camera that reports its trouble every 10 s does not crowd out alarms.
   */
  readonly count: number;
}

/** What a pruning removed. */
export interface Pruned {
  readonly removed: number;
  /** How many of them a reader with a cursor had not read yet, by its name. */
  readonly unread: Readonly<Record<string, number>>;
}

/** Events up to a place, of one severity or of all. */
interface Cut {
  readonly until: number;
  readonly severity: number | undefined;
}

/**
 * What one pruning removes at most. Aged: few, because a clock that is ahead makes everything old. Both: a large removal
 * would hold up events that wait to be stored.
 */
const SLICE = { aged: 2_000, excess: 20_000 } as const;

/** Removes what retention does not keep. Belongs into a transaction. */
export function prune(
  database: Database,
  { ageMs, count, nowMs }: Retention & { readonly nowMs: number },
  places: readonly Place[],
): Pruned {
  const unread = new Map<string, number>();
  let removed = 0;
  const remove = (cut: Cut): void => {
    for (const place of places) {
      const missed = unreadOf(database, cut, place.seq);
      if (missed > 0) unread.set(place.name, (unread.get(place.name) ?? 0) + missed);
    }
    removed += deleted(database, cut);
  };
  remove({ until: lastAged(database, nowMs - ageMs), severity: undefined });
  for (const cut of excessCuts(database, count)) remove(cut);
  return { removed, unread: Object.fromEntries(unread) };
}

/**
 * The last of the oldest events that are too old. A later event with an old time stays, and so does what was stored before it:
 * a clock that was wrong once does not remove what came before.
 */
function lastAged(database: Database, oldestMs: number): number {
  const first = seqOf(database, 'SELECT min(seq) AS seq FROM event');
  const last = Math.min(seqOf(database, 'SELECT max(seq) AS seq FROM event'), first - 1 + SLICE.aged);
  const kept = seqOf(
    database,
    'SELECT seq FROM event WHERE seq <= ? AND at_ms >= ? ORDER BY seq LIMIT 1',
    last,
    oldestMs,
  );
  return kept > 0 ? kept - 1 : last;
}

function excessCuts(database: Database, count: number): Cut[] {
  const counts = countsOf(database);
  const share = Math.floor(count / (SEVERITIES.length - 1));
  let excess = Math.min([...counts.values()].reduce((sum, n) => sum + n, 0) - count, SLICE.excess);
  const cuts: Cut[] = [];
  for (const [severity, stored] of counts) {
    const many = Math.min(excess, stored - share);
    if (many <= 0) continue;
    excess -= many;
    cuts.push({ severity, until: nthOf(database, severity, many) });
  }
  return cuts;
}

/** How many events of each severity are stored, the least severe first. */
function countsOf(database: Database): Map<number, number> {
  const rows = database
    .prepare(
      'SELECT CAST(severity AS INTEGER) AS severity, count(*) AS n FROM event GROUP BY event.severity ORDER BY event.severity',
    )
    .all() as readonly { readonly severity: number; readonly n: number }[];
  return new Map(rows.map(({ severity, n }) => [severity, n]));
}

function nthOf(database: Database, severity: number, nth: number): number {
  return seqOf(database, 'SELECT seq FROM event WHERE severity = ? ORDER BY seq LIMIT 1 OFFSET ?', severity, nth - 1);
}

function unreadOf(database: Database, { until, severity }: Cut, after: number): number {
  if (after >= until) return 0;
  const row = database
    .prepare(`SELECT count(*) AS n FROM event WHERE seq > ? AND seq <= ?${ofSeverity(severity)}`)
    .get(after, until) as { readonly n: number };
  return row.n;
}

function deleted(database: Database, { until, severity }: Cut): number {
  return database.prepare(`DELETE FROM event WHERE seq <= ?${ofSeverity(severity)}`).run(until).changes;
}

function ofSeverity(severity: number | undefined): string {
  return severity === undefined ? '' : ` AND severity = ${severity}`;
}

function seqOf(database: Database, statement: string, ...values: readonly number[]): number {
  const row = database.prepare(statement).get(...values) as { readonly seq: number | null } | undefined;
  return row?.seq ?? 0;
}
