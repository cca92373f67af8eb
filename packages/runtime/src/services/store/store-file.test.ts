import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { check, type CheckResult } from './check.ts';
import type { StoredEvent } from './event-log.ts';
import { MIGRATIONS, migrate } from './migrations.ts';
import { type Damage, StoreFile } from './store-file.ts';

let dir: string;
let path: string;
let file: StoreFile;
let found: Damage[];

function newFile(): StoreFile {
  return new StoreFile({
    path,
    nowMs: () => 42,
    onDamage: (damage) => found.push(damage),
    onOpen: (log) => {
      log.onUnsound = (seqs) => unsound.push(...seqs);
    },
  });
}

let unsound: number[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-store-'));
  path = join(dir, 'node.db');
  [found, unsound] = [[], []];
  file = newFile();
});
afterEach(() => {
  file.close();
  rmSync(dir, { recursive: true });
});

const idOf = (n: number): string => `01J${String(n).padStart(23, '0')}`;
const event = (n: number): StoredEvent => ({
  id: idOf(n),
  atMs: n * 1_000,
  camera: 'hall',
  kind: 'sla',
  severity: 'notice',
  body: `body ${n}`,
});
const events = (count: number): StoredEvent[] => Array.from({ length: count }, (_, i) => event(i + 1));
const all = { limit: 1_000 };
const read = (): string[] => file.use((log) => log.read(all));

/** Changes rows behind the store's back. */
function tamper(sql: string): void {
  const database = new Libsql(path);
  database.exec(sql);
  database.close();
}

function reopened(): void {
  file.close();
  file = newFile();
}

/** A check that nobody stops. */
const checked = (): CheckResult => check(path) as CheckResult;

test('a check ends at the step at which it is stopped', () => {
  file.open();
  file.append([event(1)]);
  for (let steps = 0; steps < 3; steps += 1) {
    let left = steps;
    expect(check(path, () => (left -= 1) < 0)).toBeUndefined();
  }
  expect(check(path, () => false)).toMatchObject({ problems: [], unsound: [] });
});

test('a file that is locked is not damaged: it stays where it is, and is used once it is free', () => {
  const other = new Libsql(path);
  other.exec('CREATE TABLE t (x); DROP TABLE t; BEGIN EXCLUSIVE');
  expect(() => file.open()).toThrow(/locked|busy/);
  other.exec('ROLLBACK');
  other.close();
  expect(found).toEqual([]);
  file.append([event(1)]);
  expect(read()).toEqual(['body 1']);
});

describe('a damaged file', () => {
  test.each([
    ['is no database', () => writeFileSync(path, 'x'.repeat(5_000))],
    [
      'is read-only by its header',
      () => {
        const bytes = readFileSync(path);
        bytes[18] = 3;
        writeFileSync(path, bytes);
      },
    ],
    ['is cut off', () => truncateSync(path, 9_000)],
  ])('that %s is set aside with its mark, and a new one begins', (_, damage) => {
    file.append(events(500));
    file.close();
    damage();
    file = newFile();
    file.append([event(1)]);
    expect(read()).toEqual(['body 1']);
    expect(found).toEqual([
      {
        message: expect.stringMatching(/ is damaged \(.*\): it is now .*\.damaged-42, a new one begins$/),
        discarded: 0,
      },
    ]);
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(['node.db.damaged-42', 'node.db.damaged-42-mark']));
  });

  test('is noticed while it is used; readers that were known get everything that comes', () => {
    file.append(events(2));
    file.begin('mqtt');
    tamper('DROP TABLE event');
    file.append([event(3)]);
    expect(file.use((log) => log.unread('mqtt', 10))).toEqual(['body 3']);
    expect(found).toHaveLength(1);
  });
});

describe('a row that was changed', () => {
  test.each([
    "body = 'x'",
    "camera = 'yard'",
    'at_ms = 0',
    'severity = 4',
    'sum = NULL',
    "id = '01K'",
    'seq = 99',
    "body = CAST(x'61ff' AS TEXT)",
    "camera = CAST(x'ff' AS TEXT)",
    "at_ms = CAST(x'ff' AS TEXT)",
  ])('by %s is in no answer, and reported with its number of events', (change) => {
    file.append(events(5));
    file.begin('late');
    file.close();
    tamper(`UPDATE event SET ${change} WHERE seq = 3`);
    file = newFile();
    expect(read()).toEqual(['body 1', 'body 2', 'body 4', 'body 5']);
    expect(unsound).toHaveLength(1);
    expect(file.checked(checked())).toBe(true);
    expect(found).toEqual([{ message: expect.stringContaining('1 events in the store'), discarded: 1 }]);
    expect(checked()).toMatchObject({ problems: [], unsound: [] });
  });

  test('does not make a page short: its reader goes on behind it', () => {
    file.append(events(5));
    tamper("UPDATE event SET body = 'x' WHERE seq < 4");
    expect(file.use((log) => log.read({ limit: 1 }))).toEqual(['body 4']);
  });

  test('gives a node no id to begin after', () => {
    file.append(events(5));
    tamper("UPDATE event SET id = '7ZZ' WHERE seq = 5");
    expect(file.open().lastId()).toBe(idOf(4));
  });
});

test('a check that finds a damaged structure sets the file aside once', () => {
  file.append(events(5));
  expect(file.checked({ problems: ['Tree 3 page 3: 2nd reference to page 4'], unsound: [], spans: [] })).toBe(true);
  expect(file.checked(checked())).toBe(false);
  expect(found).toHaveLength(1);
  expect(read()).toEqual([]);
});

test('an index that misses a row is made again', () => {
  file.append(events(5));
  file.close();
  tamper(`PRAGMA writable_schema = 1;
    UPDATE sqlite_master SET sql = 'CREATE INDEX event_by_camera ON event (camera, seq) WHERE seq > 9' WHERE name = 'event_by_camera'`);
  tamper(
    "REINDEX; PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE INDEX event_by_camera ON event (camera, seq)' WHERE name = 'event_by_camera'",
  );
  file = newFile();
  const { problems } = checked();
  expect(problems.join()).toMatch(/missing from index event_by_camera/);
  expect(file.checked(checked())).toBe(true);
  expect(found).toEqual([{ message: expect.stringContaining('no event is missing'), discarded: 0 }]);
  expect(file.checked(checked())).toBe(false);
});

describe("a reader's place", () => {
  test('that was changed is forgotten: nothing is skipped', () => {
    file.append(events(3));
    file.begin('mqtt');
    file.close();
    tamper('UPDATE cursor SET seq = 100');
    file = newFile();
    file.begin('mqtt');
    expect(file.use((log) => log.unread('mqtt', 10))).toHaveLength(3);
    expect(found).toEqual([{ message: expect.stringContaining("a reader's place"), discarded: 0 }]);
  });

  test('is never ahead of the next event', () => {
    file.append(events(3));
    file.begin('mqtt');
    tamper("DELETE FROM event; UPDATE sqlite_sequence SET seq = 1 WHERE name = 'event'");
    file.append([event(4)]);
    expect(file.use((log) => log.unread('mqtt', 10))).toEqual(['body 4']);
  });
});

describe('the end of the log', () => {
  test('that was cut off is missed: so many events', () => {
    file.append(events(10));
    reopened();
    file.append([event(11), event(12)]);
    const killed = join(dir, 'killed');
    cpSync(path, join(killed, 'node.db'));
    cpSync(`${path}-mark`, join(killed, 'node.db-mark'));
    file.close();
    path = join(killed, 'node.db');
    file = newFile();
    expect(read()).toHaveLength(10);
    expect(found).toEqual([{ message: expect.stringContaining('the newest 2 events are missing'), discarded: 2 }]);
    reopened();
    read();
    expect(found).toHaveLength(1);
  });

  test('in which a reader moved is missed: it gets events again', () => {
    file.append(events(10));
    file.begin('mqtt');
    file.append([event(11), event(12)]);
    file.close();
    const before = readFileSync(path);
    file = newFile();
    file.advance('mqtt', idOf(12));
    file.close();
    writeFileSync(path, before);
    file = newFile();
    expect(file.use((log) => log.unread('mqtt', 10))).toEqual(['body 11', 'body 12']);
    expect(found).toEqual([{ message: expect.stringContaining('get events again'), discarded: 0 }]);
  });

  test.each(['', 'nonsense', '99 0 0'])('is not missed because the mark is damaged: %j', (mark) => {
    file.append(events(2));
    file.close();
    writeFileSync(`${path}-mark`, mark);
    file = newFile();
    file.append([event(3)]);
    expect(found).toEqual([]);
    expect(readFileSync(`${path}-mark`, 'latin1')).toMatch(/^3 0 [0-9a-f]+ *\n/);
  });
});

test.each([0, 1, 2, 3])('a file of version %i becomes one of today, with everything in it', (version) => {
  const database = new Libsql(path);
  // The third step gives rows their checksums: what is older than it was written without.
  migrate(database, MIGRATIONS.slice(0, Math.min(version, 2)));
  if (version > 0)
    database.exec(`INSERT INTO event (id, at_ms, camera, kind, severity, body)
        VALUES ('${idOf(1)}', 1, 'hall', 'sla', 2, 'body 1'), ('${idOf(2)}', 2, NULL, 'node', 4, 'body 2');
      INSERT INTO cursor (name, seq) VALUES ('mqtt', 1)`);
  migrate(database, MIGRATIONS.slice(0, version));
  database.close();
  file.begin('mqtt');
  file.append([event(3)]);
  const old = version > 0 ? ['body 1', 'body 2'] : [];
  expect(read()).toEqual([...old, 'body 3']);
  expect(file.use((log) => log.unread('mqtt', 10))).toEqual([...old.slice(1), 'body 3']);
  expect(checked()).toMatchObject({ problems: [], unsound: [] });
  expect(found).toEqual([]);
});

test('a file of a later version is set aside', () => {
  file.append([event(1)]);
  file.close();
  tamper('PRAGMA user_version = 99');
  file = newFile();
  expect(read()).toEqual([]);
  expect(found[0]?.message).toMatch(/it has version 99/);
});
