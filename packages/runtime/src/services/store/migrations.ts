import type { Database } from 'libsql';
import { placesIn } from './places.ts';
import { type RawRow, READ_COLUMNS, rowOf, sumOfEvent, sumOfPlace } from './checksum.ts';

/** Leads from one version to the next: statements, or code where they are not enough. */
type Step = string | ((database: Database) => void);

/** Rows that are read at a time when all of them get a checksum. */
const SLICE = 10_000;

/**
 * The steps that lead from each version of the store to the next one. Never change an entry that was released;
 * append. `user_version` of the file is the number of entries that were applied.
 */
export const MIGRATIONS: readonly Step[] = [
  // `seq` is the order in which events were stored. Ids sort by time, and a clock may step back between two runs.
  `CREATE TABLE event (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     at_ms INTEGER NOT NULL,
     camera TEXT,
     kind TEXT NOT NULL,
     severity INTEGER NOT NULL,
     body TEXT NOT NULL
   );
   CREATE INDEX event_by_camera ON event (camera, seq);
   CREATE INDEX event_by_kind ON event (kind, seq);
   CREATE INDEX event_by_time ON event (at_ms);
   CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;`,
  `CREATE INDEX event_by_severity ON event (severity, seq)`,
  addChecksums,
  // What a camera hardly ever has is found without looking at everything else that it has.
  `CREATE INDEX event_by_camera_kind ON event (camera, kind, seq);
   CREATE INDEX event_by_camera_severity ON event (camera, severity, seq)`,
];

/** Applies what is missing, each step in a transaction of its own. @throws Error for a file of a later version. */
export function migrate(database: Database, steps: readonly Step[] = MIGRATIONS): void {
  const version = versionOf(database);
  if (version > steps.length)
    throw new Error(`it has version ${version}, and this vigia knows versions up to ${steps.length}`);
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    database.exec('BEGIN IMMEDIATE');
    if (typeof step === 'string') database.exec(step);
    else step(database);
    database.exec(`PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

/** Old rows are taken as they are. Times are found by `seq` now, and need no index. */
function addChecksums(database: Database): void {
  database.exec(
    'ALTER TABLE event ADD COLUMN sum INTEGER; ALTER TABLE cursor ADD COLUMN sum INTEGER; DROP INDEX event_by_time',
  );
  const page = database.prepare(`SELECT ${READ_COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?`);
  const fill = database.prepare('UPDATE event SET sum = ? WHERE seq = ?');
  for (let rows = page.all(0, SLICE) as RawRow[]; rows.length > 0; ) {
    for (const row of rows.map(rowOf)) fill.run(sumOfEvent(row), row.seq);
    rows = page.all(rows.at(-1)?.seq, SLICE) as RawRow[];
  }
  for (const { name, seq } of placesIn(database, 'NULL'))
    database.prepare('UPDATE cursor SET sum = ? WHERE name = ?').run(sumOfPlace(name, seq), name);
}

function versionOf(database: Database): number {
  const row = database.prepare('PRAGMA user_version').get() as { readonly user_version: number };
  return row.user_version;
}
