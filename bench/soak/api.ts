/**
 * Requests to every route of the HTTP API and to its WebSocket, made from the schemas of the API and then spoilt, in
 * every role: none is answered by a failure or not at all, none does what its sender may not do, no answer has a secret,
 * and the node keeps its memory. A control, in which a viewer's requests carry the token of an admin and answers carry a
 * secret, shows that the check would notice.
 */
import { randomInt } from 'node:crypto';
import { messageOf, sleep, systemClock } from '@vigia/base';
import { API_NAMES } from '@vigia/contracts/api';
import { countsText } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { wrongEffects, wrongEntries } from './api/effects.ts';
import { exchange, type RawAnswer } from './api/exchange.ts';
import { FuzzNode, type NodeState } from './api/fuzz-node.ts';
import { wrongWith } from './api/judge.ts';
import { PEOPLE, type Person } from './api/people.ts';
import { type FuzzRequest, Requests } from './api/requests.ts';
import { webSocketRequest } from './api/web-sockets.ts';
import { Random } from './container-fuzz/random.ts';
import { memoryOf, type MemorySample, mib } from './memory.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

/** Requests of each person. */
const REQUESTS = { long: 10_000, short: 100 } as const;
const BATCH = { long: 250, short: 100 } as const;
const LANES = 16;
const WEB_SOCKET_ONE_IN = 20;
/** Of the control, at most. */
const CONTROL_BATCHES = 12;
/** Shares of the requests between which the least memory is compared: a heap that is collected goes up and down. */
const EARLY = [0.3, 0.5] as const;
const LATE = [0.8, 1] as const;
/** Allowed growth of the supervisor's anonymous memory between them, bytes: 700 bytes kept per request would be more. */
const MEMORY_LIMIT = { long: 32 * 2 ** 20, short: 96 * 2 ** 20 } as const;
const DESCRIPTORS_LIMIT = 4;
/** Until connections are closed and memory is given back. Milliseconds. */
const SETTLE_MS = 1_500;
const FIRST_EVENT = '0'.repeat(26);

/** What became of the requests of one kind or person. */
type Counts = Map<string, Record<string, number>>;

/** What a control does to requests and answers on their way. */
interface Tampering {
  readonly request: (part: Buffer) => Buffer;
  readonly answer: (answer: RawAnswer) => RawAnswer;
}

class ApiFuzz {
  readonly failures: string[] = [];
  readonly byKind: Counts = new Map();
  readonly byPerson: Counts = new Map();
  slowestMs = 0;
  readonly #run: SoakRun;
  readonly #fuzz: FuzzNode;
  readonly #seed: number;
  readonly #tampering: Tampering | undefined;

  constructor(run: SoakRun, fuzz: FuzzNode, seed: number, tampering?: Tampering) {
    this.#run = run;
    this.#fuzz = fuzz;
    this.#seed = seed;
    this.#tampering = tampering;
  }

  /** Sends one batch, and undoes what it may have changed. */
  async batch(person: Person, number: number, before: NodeState): Promise<NodeState> {
    const random = Random.ofCase(this.#seed, number);
    const requests = new Requests(random, this.#fuzz.host);
    const all = Array.from({ length: batchOf(this.#run) }, () => this.#next(random, requests, person));
    const queue = [...all];
    const lane = async (): Promise<void> => {
      for (let request = queue.shift(); request; request = queue.shift()) await this.#send(person, request);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const after = await this.#fuzz.settled(person);
    const wrong = wrongEffects(person, before, after);
    this.failures.push(...wrong.map((what) => `${person.name}: ${what} (batch ${number})`));
    if (JSON.stringify(after) === JSON.stringify(before)) return after;
    await this.#fuzz.restore(before);
    return this.#fuzz.state();
  }

  #next(random: Random, requests: Requests, person: Person): FuzzRequest {
    const login = this.#fuzz.loginOf(person);
    if (random.once(WEB_SOCKET_ONE_IN)) return webSocketRequest(random, this.#fuzz.host, login);
    return requests.next(person, login);
  }

  async #send(person: Person, request: FuzzRequest): Promise<void> {
    const { parts, cut, frames } = request;
    const sent = this.#tampering ? parts.map(this.#tampering.request) : parts;
    const came = await exchange({ port: this.#fuzz.port, from: person.address, parts: sent, cut, frames });
    const answer = this.#tampering?.answer(came) ?? came;
    this.slowestMs = Math.max(this.slowestMs, answer.tookMs);
    const status = String(answer.status ?? 'closed');
    count(this.byKind, request.kind.replace(/^(WebSocket).*/, '$1'), status);
    count(this.byPerson, person.name, status);
    this.failures.push(...wrongWith(person, request, answer, this.#fuzz.secrets));
  }
}

/** Requests of one person in a row; then the state of the node is looked at. */
function batchOf({ short }: SoakRun): number {
  return short ? BATCH.short : BATCH.long;
}

function count(counts: Counts, name: string, status: string): void {
  const mine = counts.get(name) ?? {};
  mine[status] = (mine[status] ?? 0) + 1;
  counts.set(name, mine);
}

interface Outcome {
  readonly attack: ApiFuzz;
  readonly before: MemorySample;
  /** Least anonymous memory in the two parts, bytes. */
  readonly early: number;
  readonly late: number;
  readonly after: MemorySample;
  readonly changes: number;
}

async function play(run: SoakRun, fuzz: FuzzNode, seed: number, each: number): Promise<Outcome> {
  const attack = new ApiFuzz(run, fuzz, seed);
  let state = await fuzz.state();
  const before = memoryOf(fuzz.node.pid);
  const anonymous: number[] = [];
  const rounds = Math.ceil(each / batchOf(run));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, person] of PEOPLE.entries()) {
      run.signal.throwIfAborted();
      state = await attack.batch(person, round * PEOPLE.length + i, state);
    }
    anonymous.push(memoryOf(fuzz.node.pid).rssAnon);
    if (round % 4 === 3)
      run.progress(
        `${(round + 1) * batchOf(run)} requests of each, ${mib(anonymous.at(-1) ?? 0)} MiB, ${attack.failures.length} wrong ${attack.failures[0] ?? ''}`,
      );
  }
  await sleep(systemClock, SETTLE_MS, run.signal);
  const entries = await fuzz.audited(FIRST_EVENT);
  attack.failures.push(...wrongEntries(entries));
  if (fuzz.shown.size > 0) attack.failures.push(`the output of the node has ${fuzz.shown.size} secrets`);
  const after = memoryOf(fuzz.node.pid);
  anonymous.push(after.rssAnon);
  const least = ([from, to]: readonly [number, number]): number =>
    Math.min(...anonymous.slice(Math.floor(rounds * from), Math.max(1, Math.ceil((rounds + 1) * to))));
  return { attack, before, early: least(EARLY), late: least(LATE), after, changes: entries.length };
}

/** Requests of a viewer that carry the token of an admin, and answers with a secret. @returns what was noticed. */
async function control(run: SoakRun, fuzz: FuzzNode, seed: number): Promise<readonly string[]> {
  const viewer = PEOPLE.find(({ user }) => user === 'viewer-all') as Person;
  const admin = PEOPLE.find(({ user, by }) => user === 'admin-all' && by === 'token') as Person;
  const [from = '', to = ''] = [viewer, admin].map((person) => fuzz.loginOf(person)[0]?.[1] ?? '');
  const [secret = ''] = fuzz.secrets;
  const tampering: Tampering = {
    request: (part) => Buffer.from(part.toString('latin1').replace(from, to).replace('/stop', '/stip'), 'latin1'),
    answer: (answer) => ({ ...answer, head: `${answer.head}\r\nx-leak: ${secret}` }),
  };
  const attack = new ApiFuzz(run, fuzz, seed, tampering);
  let state = await fuzz.state();
  // Few of the random requests change something.
  for (let number = 0; number < CONTROL_BATCHES && (number < 2 || missedIn(attack.failures).length > 0); number += 1)
    state = await attack.batch(viewer, number, state);
  return attack.failures;
}

/** What the control must find, by its words. */
const PLANTED = {
  'a status that they may not get': 'is right',
  'a change that they may not make': 'were changed',
  'a secret in an answer': 'the answer has a secret',
} as const;

/** What of it was not found. */
function missedIn(noticed: readonly string[]): string[] {
  const missed = Object.entries(PLANTED).filter(([, words]) => !noticed.some((what) => what.includes(words)));
  return missed.map(([what]) => what);
}

function memoryFailures({ early, late, before, after }: Outcome, limit: number): string[] {
  const grown = late - early;
  const more = after.descriptors - before.descriptors;
  return [
    ...(grown > limit ? [`memory grew by ${mib(grown)} MiB between the first and the second half`] : []),
    ...(more > DESCRIPTORS_LIMIT ? [`${more} descriptors were left open`] : []),
  ];
}

function countsTable(title: string, first: string, counts: Counts): Table {
  return {
    title,
    columns: [first, 'requests', 'answers'],
    rows: [...counts].map(([name, statuses]) => {
      const total = Object.values(statuses).reduce((sum, n) => sum + n, 0);
      return [name, String(total), countsText(statuses)];
    }),
  };
}

function tablesOf({ attack, before, early, late, after, changes }: Outcome, notes: readonly string[]): Table[] {
  const kinds = new Map([...attack.byKind].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const memory = `${mib(early)} → ${mib(late)}`;
  return [
    countsTable('Who asked, and what the node answered', 'who', attack.byPerson),
    {
      ...countsTable('What was asked', 'what', kinds),
      notes: [
        `${API_NAMES.length} routes; the slowest answer took ${attack.slowestMs.toFixed(0)} ms; ${changes} entries of the audit, each of somebody who may`,
        `supervisor: anonymous memory ${memory} MiB (the least after 30 to 50 % and after 80 to 100 % of the requests); descriptors ${before.descriptors} → ${after.descriptors}`,
        ...notes,
      ],
    },
  ];
}

await runSoak('api', async (run): Promise<SoakResult> => {
  const each = run.short ? REQUESTS.short : REQUESTS.long;
  const seed = Number(process.env['VIGIA_FUZZ_SEED'] ?? randomInt(2 ** 31));
  run.progress(`${each} requests of each of ${PEOPLE.length}, seed ${seed}`);
  const fuzz = await FuzzNode.start(run);
  fuzz.readHashes();
  const outcome = await play(run, fuzz, seed, each);
  const noticed = await control(run, fuzz, seed);
  const missed = missedIn(noticed);
  const seeded = `seed ${seed}; VIGIA_FUZZ_SEED=${seed} sends the same requests again`;
  const failures = [
    ...outcome.attack.failures,
    ...memoryFailures(outcome, run.short ? MEMORY_LIMIT.short : MEMORY_LIMIT.long),
    ...missed.map((what) => `the control was not caught: ${what}`),
  ];
  const caught = `control: a viewer’s requests with the token of an admin, a secret in answers: ${missed.length === 0 ? 'caught' : 'not caught'}`;
  await fuzz.node.finish().catch((error: unknown) => failures.push(messageOf(error)));
  return { tables: tablesOf(outcome, [caught, seeded]), failures: failures.length > 0 ? [...failures, seeded] : [] };
});
