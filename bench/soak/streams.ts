/**
 * Clients of the streams that are cut at random moments, a thousand times over Server-Sent Events and a thousand times over
 * WebSockets, while the node makes events: each ends with every stored event, once and in order. A control, a client that
 * loses one event of ten, shows that the check would notice.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { sleep, systemClock } from '@vigia/base';
import { type ApiClient, createClient } from '@vigia/client';
import type { NodeEvent } from '@vigia/contracts';
import { freePort } from '../support/free-port.ts';
import { socketSender } from '../support/runtime-internals.ts';
import type { Table } from '../support/table.ts';
import { VigiaNode } from '../support/vigia-node.ts';
import { Random } from './container-fuzz/random.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';
import { type Reader, type Reading, sseReader, webSocketReader } from './streams/clients.ts';

/** Clients of each kind, and how often each of them is cut. */
const SCALE = { long: { clients: 10, cuts: 100 }, short: { clients: 3, cuts: 12 } } as const;
/** Between two events, milliseconds. */
const EVERY_MS = 5;
const CAMERA = 'hall';
/** Before every event. */
const FIRST = '0'.repeat(26);

/** Makes events until `end`: each change of a setting that nothing uses is one, and so is each entry of the audit. */
class EventMaker {
  readonly #local: ApiClient;
  readonly #document: (n: number) => string;
  readonly #signal: AbortSignal;
  readonly #work: Promise<void>;
  #ended = false;
  made = 0;

  constructor(local: ApiClient, document: (n: number) => string, signal: AbortSignal) {
    this.#local = local;
    this.#document = document;
    this.#signal = signal;
    this.#work = this.#make();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#work;
  }

  async #make(): Promise<void> {
    while (!this.#ended) {
      await this.#local.putConfig({ body: this.#document((this.made += 1)) });
      await sleep(systemClock, EVERY_MS, this.#signal);
    }
  }
}

/** The node's document, with a number that changes nothing but itself. */
function documentOf(name: string, port: number): (n: number) => string {
  return (n) =>
    `version: 1
node: ${name}
http: { listen: "127.0.0.1:${port}" }
workers:
  unused: { command: [/bin/true], input: { format: GRAY8, width: 64, height: 36 }, options: { n: ${n} } }
cameras:
  ${CAMERA}: { source: "rtsp://127.0.0.1:1/nobody" }
`;
}

async function startNode(run: SoakRun, port: number): Promise<ApiClient> {
  const { signal, scope, progress } = run;
  const node = VigiaNode.start(
    { signal, scope, progress, seconds: 0 },
    { [CAMERA]: 'rtsp://127.0.0.1:1/nobody' },
    '{}',
    '',
    {
      models: '',
      top: `http: { listen: "127.0.0.1:${port}" }\n`,
    },
  );
  await node.line('a state of the camera', 0, ({ type }) => type === 'camera_state');
  return createClient({ send: socketSender(join(node.runDir, 'control.sock')) });
}

/** Every stored event after one, oldest first. */
async function storedAfter(local: ApiClient, after: string): Promise<string[]> {
  const ids: string[] = [];
  for (let last: string | undefined = after; last !== undefined; ) {
    const { events }: { readonly events: readonly NodeEvent[] } = await local.events({
      query: { after: last, limit: 1_000 },
    });
    ids.push(...events.map(({ id }) => id));
    last = events.at(-1)?.id;
  }
  return ids;
}

interface Found {
  readonly missing: number;
  readonly twice: number;
  readonly disordered: number;
}

/** What a client has, compared with what the store has. */
function compared(ids: readonly string[], stored: readonly string[]): Found {
  const own = new Set(ids);
  const last = ids.at(-1) ?? '';
  return {
    missing: stored.filter((id) => id <= last && !own.has(id)).length + (ids.length === 0 ? stored.length : 0),
    twice: ids.length - own.size,
    disordered: ids.filter((id, i) => i > 0 && id < (ids[i - 1] ?? '')).length,
  };
}

function sum(found: readonly Found[], of: (one: Found) => number): number {
  return found.reduce((total, one) => total + of(one), 0);
}

function rowOf(
  name: string,
  readers: readonly Reader[],
  stored: readonly string[],
): { row: string[]; failures: string[] } {
  const found = readers.map(({ ids }) => compared(ids, stored));
  const cuts = readers.reduce((total, reader) => total + reader.cuts(), 0);
  const [missing, twice, disordered] = [
    sum(found, (f) => f.missing),
    sum(found, (f) => f.twice),
    sum(found, (f) => f.disordered),
  ];
  const counts = [
    readers.length,
    cuts,
    stored.length,
    readers.reduce((n, { ids }) => n + ids.length, 0),
    missing,
    twice,
    disordered,
  ];
  const failures = [
    ...(missing > 0 ? [`${name}: ${missing} events never came`] : []),
    ...(twice > 0 ? [`${name}: ${twice} events came twice`] : []),
    ...(disordered > 0 ? [`${name}: ${disordered} events came out of order`] : []),
  ];
  return { row: [name, ...counts.map(String)], failures };
}

/** What a client would have whose stream has gaps. */
function forgetful(ids: readonly string[], random: Random): string[] {
  return ids.filter(() => !random.once(10));
}

await runSoak('streams', async (run): Promise<SoakResult> => {
  const { clients, cuts } = run.short ? SCALE.short : SCALE.long;
  const seed = Number(process.env['VIGIA_FUZZ_SEED'] ?? randomInt(2 ** 31));
  const port = await freePort();
  const local = await startNode(run, port);
  const documentWith = documentOf((await local.status()).node, port);
  await local.putConfig({ body: documentWith(0) });
  const after = (await storedAfter(local, FIRST)).at(-1) ?? FIRST;
  const maker = new EventMaker(local, documentWith, run.signal);
  let tellLast: (id: string) => void = () => undefined;
  const last = new Promise<string>((resolve) => (tellLast = resolve));
  const readingOf = (n: number): Reading => ({
    port,
    after,
    cuts,
    last,
    signal: run.signal,
    random: Random.ofCase(seed, n),
  });
  const sse = Array.from({ length: clients }, (_, i) => sseReader(readingOf(i), i % 2 === 1));
  const sockets = Array.from({ length: clients }, (_, i) => webSocketReader(readingOf(clients + i)));
  const all = [...sse, ...sockets];
  while (all.some((reader) => reader.cuts() < cuts)) await sleep(systemClock, 50, run.signal);
  await maker.end();
  const stored = await storedAfter(local, after);
  tellLast(stored.at(-1) ?? '');
  await Promise.all(all.map(({ done }) => done));
  const rows = [rowOf('Server-Sent Events', sse, stored), rowOf('WebSocket', sockets, stored)];
  const forgot = sockets.map(({ kind, cuts: cutsOf, ids, done }, i): Reader => {
    return { kind, cuts: cutsOf, done, ids: forgetful(ids, Random.ofCase(seed, i)) };
  });
  const control = rowOf('control: a client that loses one of ten', forgot, stored);
  const caught = control.failures.some((what) => what.includes('never came'));
  const table: Table = {
    title: 'Streams that are cut and go on',
    columns: ['', 'clients', 'cut', 'stored', 'received', 'missing', 'twice', 'out of order'],
    rows: [...rows, control].map(({ row }) => row),
    notes: [
      `${maker.made} changes of the configuration; a connection is cut at most 10 ms after its first to fourth event; one in four at most 10 ms after it began, some before their answer`,
      'Server-Sent Events: `follow` and `watch` of the client, by turns; WebSocket: `after=` with the last id',
      'stored: events that each client must have; received: of all clients together',
      `seed ${seed}`,
    ],
  };
  return {
    tables: [table],
    failures: [...rows.flatMap(({ failures }) => failures), ...(caught ? [] : ['the control was not caught'])],
  };
});
