import type { Database } from 'libsql';

/**
 * The statements that lead from each version of the store to the next one. Never change an entry that was released;
 * append. `user_version` of the file is the number of entries that were applied.
 */
export const MIGRATIONS: readonly string[] = [
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
];

/** Applies what is missing, each step in a transaction of its own. @throws Error for a file of a later version. */
export function migrate(database: Database, steps: readonly string[] = MIGRATIONS): void {
  const version = versionOf(database);
  if (version > steps.length)
    throw new Error(`it has version ${version}, and this vigia knows versions up to ${steps.length}`);
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

function versionOf(database: Database): number {
  const row = database.prepare('PRAGMA user_version').get() as { readonly user_version: number };
  return row.user_version;
}
