import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog, type StoredEvent } from './event-log.ts';

const HOUR = 3_600_000;
let dir: string;
let path: string;
let log: EventLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-store-'));
  path = join(dir, 'node.db');
  log = EventLog.open(path);
});
afterEach(() => {
  log.close();
  rmSync(dir, { recursive: true });
});

const idOf = (n: number): string => `01J${String(n).padStart(23, '0')}`;
const event = (n: number, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id: idOf(n),
  atMs: n * 1_000,
  camera: 'hall',
  kind: 'sla',
  severity: 'notice',
  body: String(n),
  ...more,
});
const all = { limit: 1_000 };

describe('the log', () => {
  test('keeps events in the order in which they were stored, whatever the clock did', () => {
    log.append([event(5), event(3)]);
    log.append([event(4), event(5, { body: 'again' })]);
    expect(log.read(all)).toEqual(['5', '3', '4']);
    expect(log.read({ ...all, after: idOf(3) })).toEqual(['4']);
    expect(log.lastId()).toBe(idOf(4));
  });

  test('filters by camera, kind, severity and time', () => {
    log.append([
      event(1, { severity: 'alarm' }),
      event(2, { camera: 'yard' }),
      event(3, { kind: 'worker' }),
      event(4, { camera: null, kind: 'node' }),
    ]);
    expect(log.read({ ...all, camera: 'yard' })).toEqual(['2']);
    expect(log.read({ ...all, kinds: ['worker', 'node'] })).toEqual(['3', '4']);
    expect(log.read({ ...all, severity: 'warning' })).toEqual(['1']);
    expect(log.read({ ...all, fromMs: 2_000, toMs: 4_000 })).toEqual(['2', '3']);
    expect(log.read({ limit: 2 })).toEqual(['1', '2']);
    expect([log.countOf(all), log.countOf({ limit: 3 })]).toEqual([4, 3]);
  });

  test('finds the changes that were about something', () => {
    const change = (n: number, target: string | null, kind = 'audit'): StoredEvent =>
      event(n, { kind, body: JSON.stringify({ n, data: { target } }) });
    log.append([change(1, 'a'), change(2, 'b'), change(3, null), change(4, 'c'), change(5, 'a', 'other')]);
    log.append([event(6, { kind: 'audit', body: '{"n":6,"data":{"target":"a"' })]);
    const about = (...ids: string[]): number[] =>
      log.read({ ...all, kinds: ['audit'], about: ids }).map((body) => (JSON.parse(body) as { n: number }).n);
    expect(about('a', 'c')).toEqual([1, 4]);
    expect(about('nothing')).toEqual([]);
    expect(about()).toEqual([]);
  });

  test('gives the newest first, or those before one, or those between two', () => {
    log.append([1, 2, 3, 4, 5, 6].map((n) => event(n, { camera: n % 2 === 0 ? 'yard' : 'hall' })));
    const newest = { ...all, newest: true };
    expect(log.read({ ...newest, limit: 2 })).toEqual(['6', '5']);
    expect(log.read({ ...newest, limit: 2, before: idOf(5) })).toEqual(['4', '3']);
    expect(log.read({ ...newest, camera: 'yard', limit: 2 })).toEqual(['6', '4']);
    expect(log.read({ ...newest, toMs: 4_000 })).toEqual(['3', '2', '1']);
    expect(log.read({ ...all, after: idOf(2), before: idOf(5) })).toEqual(['3', '4']);
    expect(log.read({ ...newest, after: idOf(2), before: idOf(5) })).toEqual(['4', '3']);
    // Ids that are not stored stand for their time.
    log.prune({ ageMs: HOUR, count: 3 }, 10_000);
    expect(log.read({ ...newest, before: idOf(3) })).toEqual([]);
    expect(log.read({ ...newest, before: idOf(99), limit: 1 })).toEqual(['6']);
  });

  test('pages of both directions have the same events, whatever is asked for', () => {
    const kinds = ['sla', 'worker', 'node'];
    log.append(
      Array.from({ length: 90 }, (_, i) =>
        event(i + 1, {
          camera: [null, 'hall', 'yard'][i % 3] as string | null,
          kind: kinds[Math.floor(i / 3) % 3] as string,
          severity: (['info', 'warning', 'alarm'] as const)[Math.floor(i / 9) % 3] as 'info',
        }),
      ),
    );
    for (const query of [
      {},
      { camera: 'hall' },
      { cameras: ['hall', 'yard'], kinds: ['sla', 'node'] },
      { severity: 'warning' as const, fromMs: 20_000, toMs: 70_000 },
      { camera: 'yard', severity: 'alarm' as const },
    ]) {
      const forward = log.read({ ...all, ...query });
      expect(forward.length).toBeGreaterThan(8);
      expect(log.countOf({ ...all, ...query })).toBe(forward.length);
      expect(log.countOf({ ...query, limit: 7 })).toBe(7);
      const back: string[] = [];
      for (let before: string | undefined; ; before = idOf(Number(back.at(-1)))) {
        const page = log.read({ ...query, before, newest: true, limit: 4 });
        back.push(...page);
        if (page.length < 4) break;
      }
      expect(back).toEqual(forward.toReversed());
    }
  });

  test('stores all of a batch or nothing', () => {
    const wrong = event(2);
    expect(() => log.append([event(1), { ...wrong, kind: null as unknown as string }])).toThrow(/NOT NULL/);
    expect(log.count()).toBe(0);
    log.append([event(1)]);
    expect(log.count()).toBe(1);
  });

  test('pages without gaps or duplicates, while events are stored and removed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }), (batches) => {
        const each = EventLog.open(join(dir, `${Math.random()}.db`));
        let stored = 0;
        const seen: number[] = [];
        for (const size of batches) {
          each.append(Array.from({ length: size }, () => event((stored += 1))));
          const last = seen.at(-1);
          const page = each.read({ limit: 5, ...(last === undefined ? {} : { after: idOf(last) }) });
          seen.push(...page.map(Number));
          // Only what was read is removed, so that nothing may be missing.
          each.prune({ ageMs: Number.POSITIVE_INFINITY, count: Math.max(1, stored - seen.length) }, 0);
        }
        expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
        each.close();
      }),
    );
  });
});

describe('a reader with a cursor', () => {
  test('begins with what comes, goes on where it was, and never goes back', () => {
    log.append([event(1)]);
    log.begin('mqtt');
    expect(log.unread('mqtt', 10)).toEqual([]);
    log.append([event(2), event(3), event(4)]);
    expect(log.unread('mqtt', 2)).toEqual(['2', '3']);
    log.advance('mqtt', idOf(3));
    log.advance('mqtt', idOf(2));
    log.close();
    log = EventLog.open(path);
    log.begin('mqtt');
    expect(log.unread('mqtt', 10)).toEqual(['4']);
  });

  test('in a new log begins with its first event', () => {
    log.begin('mqtt');
    log.append([event(1)]);
    log.begin('mqtt');
    expect(log.unread('mqtt', 10)).toEqual(['1']);
  });
});

describe('retention', () => {
  test('removes what is too old or too much, and counts what a reader had not read', () => {
    log.begin('mqtt');
    log.append(Array.from({ length: 10 }, (_, i) => event(i + 1)));
    log.advance('mqtt', idOf(2));
    expect(log.prune({ ageMs: HOUR, count: 6 }, 10_000)).toEqual({ removed: 4, unread: { mqtt: 2 } });
    expect(log.prune({ ageMs: 3_000, count: 6 }, 11_000)).toEqual({ removed: 3, unread: { mqtt: 3 } });
    expect(log.read(all)).toEqual(['8', '9', '10']);
    expect(log.read({ ...all, after: idOf(1) })).toEqual(['8', '9', '10']);
    log.append([event(11)]);
    expect(log.read({ ...all, after: idOf(10) })).toEqual(['11']);
  });
});

describe('retention by severity', () => {
  test('alarms stay while others are too many, and go when alarms are too many', () => {
    const alarms = Array.from({ length: 20 }, (_, i) => event(i + 1, { severity: 'alarm' }));
    const warnings = Array.from({ length: 100 }, (_, i) => event(i + 21, { severity: 'warning' }));
    const infos = Array.from({ length: 30 }, (_, i) => event(i + 121, { severity: 'info' }));
    log.append([...alarms, ...warnings, ...infos]);
    log.begin('late');
    log.append([event(151, { severity: 'info' })]);
    const kept = { ageMs: HOUR, count: 80 };
    expect(log.prune(kept, 151_000)).toEqual({ removed: 71, unread: {} });
    expect(log.read({ ...all, severity: 'alarm' })).toHaveLength(20);
    const warned = Array.from({ length: 40 }, (_, i) => String(i + 81));
    expect(log.read({ ...all, severity: 'warning' }).slice(20)).toEqual(warned);
    expect(log.read(all)).toHaveLength(80);
    log.append(Array.from({ length: 100 }, (_, i) => event(i + 152, { severity: 'alarm' })));
    expect(log.prune(kept, 251_000)).toEqual({ removed: 100, unread: { late: 60 } });
    expect(log.read(all)).toHaveLength(80);
    expect(log.read({ ...all, severity: 'warning' })).toHaveLength(60);
    expect(log.read({ ...all, severity: 'alarm' })).toHaveLength(40);
  });
});

describe('a clock that is wrong', () => {
  const DAY = 24 * HOUR;
  const at = (n: number, atMs: number) => ({ ...event(n), atMs });

  test('once behind, after a start without a clock: what was stored before stays', () => {
    log.append(Array.from({ length: 10 }, (_, i) => at(i + 1, 1_000 * DAY + i)));
    log.append([at(11, 5_000)]);
    expect(log.prune({ ageMs: 90 * DAY, count: 100 }, 1_001 * DAY)).toEqual({ removed: 0, unread: {} });
  });

  test('ahead: each pruning removes a few only', () => {
    log.append(Array.from({ length: 5_000 }, (_, i) => at(i + 1, i)));
    expect(log.prune({ ageMs: DAY, count: 10_000 }, 400 * DAY).removed).toBe(2_000);
    expect(log.prune({ ageMs: DAY, count: 10_000 }, 400 * DAY).removed).toBe(2_000);
  });
});
