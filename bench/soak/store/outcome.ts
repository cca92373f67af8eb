import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, systemClock } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { type BareDatabase, type NodeStore, openBareDatabase } from '../../support/runtime-internals.ts';
import { eventOf, type Files, NAME, openStore, put, READER, type Sample } from './samples.ts';

/** How a damaged store ended: `wrong` is a failure, with a sentence. */
export type Outcome = 'identical' | 'reported' | 'set aside' | { readonly wrong: string };

/** A store that takes longer hangs. Milliseconds. */
const LIMIT_MS = 20_000;
const PAGE = 500;
/** An event that no sample has. */
const NEW = 99_999_999;

/** Opens damaged files with the real store, reads everything in every way, and judges. */
export async function outcomeOf(files: Files, sample: Sample): Promise<Outcome> {
  return inFolder(async (dir) => {
    put(dir, files);
    let timer = { cancel: (): void => undefined };
    const late = new Promise<Outcome>((resolve) => {
      timer = systemClock.after(LIMIT_MS, () => resolve({ wrong: `it hangs: ${LIMIT_MS} ms` }));
    });
    const judgement = judged(dir, sample).catch((error: unknown): Outcome => ({ wrong: messageOf(error) }));
    const outcome = await Promise.race([judgement, late]);
    timer.cancel();
    return outcome;
  });
}

/** The same without checksums, mark and full check: the control. @returns whether it is silently wrong. */
export async function isWrongUnchecked(files: Files, { events }: Sample): Promise<boolean> {
  return inFolder(async (dir) => {
    put(dir, files);
    try {
      const database = await openBareDatabase(join(dir, NAME));
      try {
        const check = texts(database, 'CAST(quick_check AS BLOB) AS text FROM pragma_quick_check(1)');
        if (check[0] !== 'ok') return false;
        const bodies = texts(database, 'CAST(body AS BLOB) AS text FROM event ORDER BY seq');
        return bodies.length !== events.length || bodies.some((body, n) => body !== JSON.stringify(events[n]));
      } finally {
        database.close();
      }
    } catch {
      // It fails with an error, which is not silent.
      return false;
    }
  });
}

/** As bytes: libsql aborts the process when a text is no UTF-8. */
function texts(database: BareDatabase, what: string): string[] {
  const rows = database.prepare(`SELECT ${what}`).all() as readonly { readonly text: Buffer }[];
  return rows.map(({ text }) => Buffer.from(text).toString());
}

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-soak-store-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function judged(dir: string, sample: Sample): Promise<Outcome> {
  const store = await openStore(dir);
  const reports: string[] = [];
  let counted = 0;
  store.watch((trouble) => {
    reports.push(trouble.state === 'failing' ? trouble.why : JSON.stringify(trouble));
    if (trouble.state === 'damaged') counted += trouble.discarded;
  });
  try {
    await store.checked;
    const found = await everything(store);
    const wrong = (await differences(store, sample, found)).filter((text) => text !== '');
    const fresh = eventOf(NEW);
    await store.append(fresh);
    const [back] = (await everything(store)).slice(-1);
    if (JSON.stringify(back) !== JSON.stringify(fresh)) return { wrong: 'a new event does not come back' };
    const invented = wrong.find((text) => text.startsWith('invented'));
    if (invented !== undefined) return { wrong: invented };
    if (reports.length === 0) return wrong.length === 0 ? 'identical' : { wrong: `silently: ${wrong.join('; ')}` };
    if (reports.some((report) => report.includes('a new one begins'))) return 'set aside';
    const missing = sample.events.length - found.length;
    return counted >= missing ? 'reported' : { wrong: `${missing} events are missing, and ${counted} reported` };
  } finally {
    await store.close();
  }
}

async function everything(store: NodeStore, filter: object = {}): Promise<NodeEvent[]> {
  const all: NodeEvent[] = [];
  for (let more = true; more; ) {
    const after = all.at(-1)?.id;
    const page: NodeEvent[] = await store.read({ ...filter, ...(after === undefined ? {} : { after }), limit: PAGE });
    all.push(...page);
    more = page.length === PAGE;
  }
  return all;
}

/** What differs from what was written, a sentence each: all events, those of a filter, those of the reader. */
async function differences(store: NodeStore, sample: Sample, found: readonly NodeEvent[]): Promise<string[]> {
  const { events, read } = sample;
  const written = new Map(events.map((event) => [event.id, JSON.stringify(event)]));
  const invented = found.filter((event) => written.get(event.id) !== JSON.stringify(event));
  const camera = 'c3';
  const severity = 'alarm';
  await store.begin(READER);
  return [
    ...invented.map(({ id }) => `invented: ${id}`),
    comparison('all', found, events),
    comparison(`camera ${camera}`, await everything(store, { camera }), events, (event) => event.camera === camera),
    comparison(severity, await everything(store, { severity }), events, (event) => event.severity === severity),
    comparison('kind sla', await everything(store, { kinds: ['sla'] }), events, ({ kind }) => kind === 'sla'),
    comparison('unread', await unread(store), events.slice(read)),
  ];
}

async function unread(store: NodeStore): Promise<NodeEvent[]> {
  const all: NodeEvent[] = [];
  for (let page = await store.unread(READER, PAGE); page.length > 0; page = await store.unread(READER, PAGE)) {
    all.push(...page);
    await store.advance(READER, page.at(-1)?.id ?? '');
  }
  return all;
}

function comparison(
  of: string,
  found: readonly NodeEvent[],
  written: readonly NodeEvent[],
  only: (event: NodeEvent) => boolean = () => true,
): string {
  const expected = written.filter(only).map(({ id }) => id);
  const same = expected.length === found.length && expected.every((id, n) => id === found[n]?.id);
  return same ? '' : `${of}: ${found.length} events instead of ${expected.length}, or in another order`;
}
