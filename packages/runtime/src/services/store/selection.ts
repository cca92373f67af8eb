import { type EventQuery, SEVERITIES } from '@vigia/contracts';
import { READ_COLUMNS } from './checksum.ts';

/** A statement and its values. Two more values follow: the place that the last page ended at, and how many. */
export interface Selection {
  readonly sql: string;
  readonly values: (place: number, limit: number) => readonly Value[];
  /** The place to begin at. */
  readonly begin: number;
}

type Value = string | number;

/** More ways would be more than SQLite lets a statement have. */
const WAYS_LIMIT = 64;

/** A condition and its values. */
interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/**
 * How matching events are found: in one index, in the order of storing or backwards, so that a page costs what it returns and not what
 * is stored. Several kinds or severities are as many ways through an index, merged.
 *
 * @param bounds The first and the last place where an event of the query's time may be.
 */
export function selectionOf(query: EventQuery, [first, last]: readonly [number, number]): Selection {
  const { ways, filters } = plan(query);
  const newest = query.newest === true;
  const [range, order] = newest ? ['seq < ? AND seq >= ?', ' DESC'] : ['seq > ? AND seq <= ?', ''];
  const rest = filters.map(({ sql }) => ` AND ${sql}`).join('');
  const filterValues = filters.flatMap(({ values }) => values);
  const each = ways.map(
    ({ sql }) => `SELECT * FROM (SELECT seq FROM event WHERE ${sql}${range}${rest} ORDER BY seq${order} LIMIT ?)`,
  );
  return {
    sql: `SELECT ${READ_COLUMNS} FROM event WHERE seq IN (${each.join(' UNION ALL ')}) ORDER BY seq${order} LIMIT ?`,
    values: (place, limit) => {
      return ways
        .flatMap(({ values }) => values.concat(place, newest ? first : last, filterValues, limit))
        .concat(limit);
    },
    begin: newest ? last + 1 : first - 1,
  };
}

/**
 * How many events match, counted in the same indexes. One value follows for each way: how many are counted there at most.
 *
 * @param bounds As above.
 */
export function countOf(
  query: EventQuery,
  [first, last]: readonly [number, number],
): { readonly sql: string; readonly values: (most: number) => readonly Value[] } {
  const { ways, filters } = plan(query);
  const rest = filters.map(({ sql }) => ` AND ${sql}`).join('');
  const filterValues = filters.flatMap(({ values }) => values);
  const each = ways.map(
    ({ sql }) => `(SELECT count(*) FROM (SELECT 1 FROM event WHERE ${sql}seq >= ? AND seq <= ?${rest} LIMIT ?))`,
  );
  return {
    sql: `SELECT ${each.join(' + ')} AS n`,
    values: (most) => ways.flatMap(({ values }) => values.concat(first, last, filterValues, most)),
  };
}

/** `+` keeps SQLite from another index. */
function plan({ camera, cameras, kinds, about, severity, fromMs, toMs }: EventQuery): {
  ways: Condition[];
  filters: Condition[];
} {
  const atLeast = severity === undefined ? undefined : SEVERITIES.indexOf(severity);
  const filters: Condition[] = [];
  const only = (sql: string, ...values: Value[]): void => void filters.push({ sql, values });
  if (fromMs !== undefined) only('+at_ms >= ?', fromMs);
  if (toMs !== undefined) only('+at_ms < ?', toMs);
  // A damaged body must not fail the query: it is left out like any damaged row.
  if (about !== undefined)
    only(
      `CASE WHEN json_valid(body) THEN json_extract(body, '$.data.target') END IN (${about.map(() => '?').join(', ')})`,
      ...about,
    );
  if (cameras !== undefined && cameras.length > WAYS_LIMIT)
    only(`+camera IN (${cameras.map(() => '?').join(', ')})`, ...cameras);
  const ofCameras = camera === undefined ? cameras : [camera];
  const byCamera = ofCameras !== undefined && ofCameras.length <= WAYS_LIMIT;
  const both = (count: number): boolean => byCamera && ofCameras.length * count <= WAYS_LIMIT;
  const byKind = kinds !== undefined && (!byCamera || both(kinds.length));
  const levels = atLeast === undefined ? [] : severitiesFrom(atLeast);
  const bySeverity = atLeast !== undefined && kinds === undefined && (!byCamera || both(levels.length));
  if (kinds !== undefined && !byKind) only(`+kind IN (${kinds.map(() => '?').join(', ')})`, ...kinds);
  if (atLeast !== undefined && !bySeverity) only('+severity >= ?', atLeast);
  const ways = [
    ...(byCamera ? [waysOf('camera', [...new Set(ofCameras)])] : []),
    ...(byKind ? [waysOf('kind', [...new Set(kinds)])] : []),
    ...(bySeverity ? [waysOf('severity', levels)] : []),
  ];
  return { ways: ways.reduce(combined, [{ sql: '', values: [] }]), filters };
}

/** Every way through the first with every one through the second. */
function combined(first: Condition[], second: Condition[]): Condition[] {
  return first.flatMap((a) => second.map((b) => ({ sql: a.sql + b.sql, values: [...a.values, ...b.values] })));
}

function waysOf(column: string, values: readonly Value[]): Condition[] {
  return values.map((value) => ({ sql: `${column} = ? AND `, values: [value] }));
}

function severitiesFrom(lowest: number): number[] {
  return SEVERITIES.map((_, severity) => severity).slice(lowest);
}
