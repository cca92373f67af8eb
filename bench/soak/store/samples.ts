import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import { type NodeEvent, SEVERITIES } from '@vigia/contracts';
import { NodeStore } from '../../support/runtime-internals.ts';

/** The files of a store, by what follows the name of the first one. */
export type Files = ReadonlyMap<string, Buffer>;

/** What was written, and the files that it is in. */
export interface Sample {
  /** In the order of storing. */
  readonly events: readonly NodeEvent[];
  /** How many of them the reader {@link READER} has read. */
  readonly read: number;
  /** After the store was closed. */
  readonly closed: Files;
  /** As a process leaves them that was killed. */
  readonly killed: Files;
}

/** A reader with a place. */
export const READER = 'mqtt';
/** Name of the first file. */
export const NAME = 'node.db';
const SUFFIXES = ['', '-wal', '-shm', '-mark'] as const;
const KINDS = ['camera_state', 'sla', 'worker', 'config'] as const;
const START_MS = Date.UTC(2026, 10, 1);
/** Between two events. */
const STEP_MS = 7_000;

/** Opens the real store. Its log goes nowhere: what it finds is reported. */
export function openStore(dir: string): Promise<NodeStore> {
  const log = createLog('store', () => undefined);
  return NodeStore.open({ path: join(dir, NAME), durability: 'process', clock: systemClock, log });
}

/** The event number `n`: eight cameras, four kinds; one alarm in a hundred. */
export function eventOf(n: number): NodeEvent {
  const kind = KINDS[n % KINDS.length] ?? 'config';
  const severity = n % 100 === 7 ? 'alarm' : (SEVERITIES[1 + ((n * 7) % 3)] ?? 'info');
  const id = `01J${String(n).padStart(23, '0')}`;
  const data = { revision: n + 1, by: 'soak', changes: [`cameras.c${n % 8}.consumers.people.sla: normal → high`] };
  const camera = `c${n % 8}`;
  const at = new Date(START_MS + n * STEP_MS).toISOString();
  const rest = { node: 'soak', boot: id, at, camera, consumer: 'people', phase: null, severity, subject: camera, data };
  // The store takes any event as it is.
  return { v: 1, id, kind, ...rest } as unknown as NodeEvent;
}

/** When event `n` was, milliseconds since 1970. */
export function timeOf(n: number): number {
  return START_MS + n * STEP_MS;
}

/** Writes a store with the real code: so many events, a reader in their middle, the last tenth in the log beside the file. */
export async function makeSample(dir: string, count: number): Promise<Sample> {
  const events = Array.from({ length: count }, (_, n) => eventOf(n));
  const [early, late] = [events.slice(0, count * 0.9), events.slice(count * 0.9)];
  const read = Math.floor(count / 2);
  const first = await openStore(dir);
  await first.begin(READER);
  for (const event of early) void first.append(event);
  await first.close();
  const second = await openStore(dir);
  await second.checked;
  for (const event of late) void second.append(event);
  await second.append(events[0] as NodeEvent);
  await second.advance(READER, events[read - 1]?.id ?? '');
  const killed = filesIn(dir);
  await second.close();
  return { events, read, closed: filesIn(dir), killed };
}

/** Writes files of a store. */
export function put(dir: string, files: Files): void {
  for (const [suffix, bytes] of files) writeFileSync(join(dir, NAME + suffix), bytes);
}

function filesIn(dir: string): Files {
  const files = new Map<string, Buffer>();
  for (const suffix of SUFFIXES) {
    const bytes = readOrNothing(join(dir, NAME + suffix));
    if (bytes) files.set(suffix, bytes);
  }
  return files;
}

function readOrNothing(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // There is none.
    return undefined;
  }
}
