import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { every, systemClock } from '@vigia/base';
import type { EventQuery, NodeEvent } from '@vigia/contracts';
import type { NodeStore } from '../../support/runtime-internals.ts';
import type { Table } from '../../support/table.ts';
import type { SoakRun } from '../soak-run.ts';
import { eventOf, NAME, openStore, READER, timeOf } from './samples.ts';

/** Events of a page. */
const LIMIT = 100;
/** The 99th percentile of every way to read, milliseconds. */
const P99_MS = 20;
const WRITES_PER_SECOND = 100;
const MIB = 1024 * 1024;
/** Events that are appended before anything waits for the disk: the store holds 16,384. */
const BATCH = 8_192;

/** A way to read: the query number `n`, after the answer to the one before. */
type NextQuery = (n: number, before: readonly NodeEvent[]) => Omit<EventQuery, 'limit'>;

/** The measured table, and a sentence for each way that was too slow. */
export interface Measured {
  readonly table: Table;
  readonly failures: readonly string[];
}

/** Fills a store, and measures reading, storing, removing and starting. @param judged Whether times count: not with few events. */
export async function measurePaging(run: SoakRun, count: number, judged: boolean): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-store-'));
  run.scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const notes: string[] = [];
  const first = await openStore(dir);
  await first.begin(READER);
  const filled = await timed(() => fill(first, count));
  await first.close();
  notes.push(
    `${count} events stored in ${seconds(filled)} (${Math.round((count / filled) * 1_000)} a second); ${sizeOf(dir)} MiB on disk`,
  );
  run.progress(notes.at(-1) ?? '');
  let store = first;
  const opened = await timed(async () => void (store = await openStore(dir)));
  const checked = await timed(() => store.checked);
  notes.push(
    `opened in ${Math.round(opened)} ms; every row and index checked ${seconds(checked)} later, while it is used`,
  );
  const random = ways(count);
  const rows: string[][] = [];
  for (const [name, next] of Object.entries(random)) rows.push([name, ...(await measure(store, count, next))]);
  let made = count;
  const writing = every(systemClock, 1_000 / WRITES_PER_SECOND, () => void store.append(eventOf((made += 1))));
  for (const [name, next] of Object.entries(random).slice(0, 4))
    rows.push([`${name}, ${WRITES_PER_SECOND} events a second stored`, ...(await measure(store, count, next))]);
  writing.cancel();
  const pruning = await timed(() => store.prune({ ageMs: Number.MAX_SAFE_INTEGER, count: count - 20_000 }));
  notes.push(`one removal of 20,000 events: ${Math.round(pruning)} ms; resident memory of the process ${rssMib()} MiB`);
  await store.close();
  const failures = rows.filter(([, , , p99]) => judged && Number(p99) >= P99_MS);
  const columns = ['pages of 100 events, ms', 'pages', 'p50', 'p99', 'max'];
  const table = { title: `${count} stored events, read through the store's thread`, columns, rows, notes };
  return { table, failures: failures.map(([name, , , p99]) => `${name}: p99 ${p99} ms`) };
}

async function fill(store: NodeStore, count: number): Promise<void> {
  for (let n = 0; n < count; n += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - n) }, (_, i) => store.append(eventOf(n + i)));
    await Promise.allSettled(batch);
  }
}

function ways(count: number): Record<string, NextQuery> {
  const somewhere = (): string => eventOf(Math.floor(Math.random() * count)).id;
  const someTime = (): number => timeOf(Math.floor(Math.random() * count));
  return {
    'forward through everything': (_, before) => {
      const after = before.at(-1)?.id;
      return after === undefined ? {} : { after };
    },
    'after a random event': () => ({ after: somewhere() }),
    'a camera, after a random event': (n) => ({ after: somewhere(), camera: `c${n % 8}` }),
    'alarms, after a random event': () => ({ after: somewhere(), severity: 'alarm' }),
    'warnings and alarms, after a random event': () => ({ after: somewhere(), severity: 'warning' }),
    'two kinds, after a random event': () => ({ after: somewhere(), kinds: ['sla', 'worker'] }),
    'an hour': () => hourFrom(someTime()),
    'an hour of a camera': (n) => ({ ...hourFrom(someTime()), camera: `c${n % 8}` }),
    'alarms since a random time': () => ({ fromMs: someTime(), severity: 'alarm' }),
    'kinds that a camera may not have': (n) => ({ after: somewhere(), camera: `c${n % 8}`, kinds: ['sla', 'worker'] }),
    'alarms of a camera': (n) => ({ after: somewhere(), camera: `c${n % 8}`, severity: 'alarm' }),
  };
}

function hourFrom(fromMs: number): { fromMs: number; toMs: number } {
  return { fromMs, toMs: fromMs + 3_600_000 };
}

async function measure(store: NodeStore, count: number, next: NextQuery): Promise<string[]> {
  const pages = Math.min(2_000, Math.ceil(count / LIMIT));
  const times: number[] = [];
  let before: readonly NodeEvent[] = [];
  for (let n = 0; n < pages; n += 1) {
    const query = { ...next(n, before), limit: LIMIT };
    times.push(await timed(async () => void (before = await store.read(query))));
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return [String(pages), at(0.5), at(0.99), at(1)];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = systemClock.nowMs();
  await work();
  return systemClock.nowMs() - startMs;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function sizeOf(dir: string): number {
  return Math.round(statSync(join(dir, NAME)).size / MIB);
}

function rssMib(): number {
  return Math.round(process.memoryUsage.rss() / MIB);
}
