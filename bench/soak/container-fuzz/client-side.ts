import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, FakeClock, messageOf, systemClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import { FrameSupplier } from '@vigia/frame-supplier';
import {
  ContainerClient,
  geometryOf,
  ModelConsumer,
  type NativeFrame,
  Picture,
  WHOLE,
} from '../../support/runtime-internals.ts';
import { type LiveHeap, liveHeap } from '../live-heap.ts';
import { mib } from '../memory.ts';
import type { SoakRun } from '../soak-run.ts';
import { answerCase } from './answer-cases.ts';
import type { AnswerCase, Asked } from './answer-parts.ts';
import { FakeServer } from './fake-server.ts';
import { Random } from './random.ts';
import type { KindCount } from './server-side.ts';

/** Outcome. */
export interface ClientOutcome {
  readonly kinds: ReadonlyMap<string, KindCount>;
  /** Sentences below the table. */
  readonly facts: readonly string[];
  readonly failures: readonly string[];
}

/** Cases between two correct answers. */
const BATCH = 10;
/** Cases between two checks of the counters. */
const AUDIT = 100;
const WARM_UP = 0.3;
/** Allowed growth of live memory after the warm-up, bytes. 100 bytes kept per case would be 700 KB. */
const MEMORY_LIMIT = 512 * 1024;
const MOST_FAILURES = 20;
const DEADLINE_MS = 500;
/** Turns of the loop in which messages in transit arrive, before the clock is advanced. */
const TURNS = 30;
const STEP_MS = 100;
/** Far beyond every deadline, silence and back-off, in steps: a case that takes longer hangs. */
const MOST_STEPS = 1_000;
/** Frames until a connection that the previous case corrupted has been replaced. */
const MOST_TRIES = 10;
const SPEC = { width: 300, height: 300, fit: 'stretch', format: 'RGB24' } as const;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * The parts of a camera process that talk to a container, against one that answers wrongly. Time is simulated: it
 * advances only when nothing is in transit, so nothing really waits and a deadline passes only where an answer never
 * comes.
 */
export class ClientFuzz {
  readonly #run: SoakRun;
  readonly #seed: number;
  readonly #clock = new FakeClock();
  readonly #kinds = new Map<string, KindCount>();
  readonly #failures: string[] = [];
  readonly #supplier: FrameSupplier<Picture>;
  #client: ContainerClient | undefined;
  #consumer: ModelConsumer | undefined;
  #results: ResultMessage[] = [];
  #resultCount = 0;
  #published = 0;
  #leased = 0;
  #live = 0;
  #good = 0;

  constructor(run: SoakRun, seed: number) {
    this.#run = run;
    this.#seed = seed;
    this.#supplier = new FrameSupplier<Picture>({ clock: this.#clock, sourceIntervalMs: () => 100 });
  }

  /** Plays a number of cases. */
  async play(cases: number): Promise<ClientOutcome> {
    const startedMs = systemClock.nowMs();
    const folder = mkdtempSync(join(tmpdir(), 'vigia-fuzz-'));
    this.#run.scope.defer(() => rmSync(folder, { recursive: true, force: true }));
    const server = await FakeServer.listen(join(folder, 'model.sock'));
    this.#run.scope.defer(() => server.close());
    const { client, consumer } = this.#start(join(folder, 'model.sock'));
    let before: { readonly heap: LiveHeap; readonly descriptors: number } | undefined;
    for (let number = 0; number < cases && this.#failures.length < MOST_FAILURES; number += 1) {
      this.#run.signal.throwIfAborted();
      await this.#guard(`case ${number}`, () => this.#case(number, server));
      if (number % BATCH === BATCH - 1) await this.#guard(`after case ${number}`, () => this.#right());
      if (number % AUDIT === AUDIT - 1) await this.#guard(`after case ${number}`, () => this.#audit());
      if (!before && number >= cases * WARM_UP) before = { heap: await liveHeap(), descriptors: descriptors() };
      if (number % 1000 === 0) this.#run.progress(`the client: ${number} of ${cases}`);
    }
    const after = { heap: await liveHeap(), descriptors: descriptors() };
    const counters = consumer.report();
    await consumer.close();
    client.close();
    this.#supplier.stop();
    await server.close();
    before ??= after;
    this.#judgeMemory(before, after);
    if (this.#leased !== 0 || this.#live !== 0)
      this.#failures.push(`the client: ${this.#leased} slots and ${this.#live} pictures were not given back`);
    const { results, delivered, dropped } = counters;
    return {
      kinds: this.#kinds,
      facts: [
        `${this.#published} pictures published: ${delivered} delivered and as many results (${Object.entries(results)
          .map(([status, count]) => `${count} ${status}`)
          .join(
            ', ',
          )}), ${dropped.stale} too old before there was a grant; ${this.#good} right answers in between, each accepted`,
        `alive after 30 % of the cases → at the end: ${mib(before.heap.heapUsed)} → ${mib(after.heap.heapUsed)} MiB of heap, ${mib(before.heap.external)} → ${mib(after.heap.external)} MiB external; descriptors ${before.descriptors} → ${after.descriptors}; ${((systemClock.nowMs() - startedMs) / 1000).toFixed(0)} s`,
      ],
      failures: this.#failures,
    };
  }

  #start(socketPath: string): { client: ContainerClient; consumer: ModelConsumer } {
    const clock = this.#clock;
    const client = new ContainerClient({
      socketPath,
      model: 'm',
      camera: 'hall',
      input: { width: SPEC.width, height: SPEC.height },
      clock,
      log: createLog('fuzz', () => undefined),
      onReady: () => this.#consumer?.containerReady(),
    });
    this.#supplier.start();
    const consumer = new ModelConsumer({
      node: 'bench',
      boot: 'b',
      camera: 'hall',
      consumer: 'people',
      inLine: 'people',
      model: 'm',
      sla: 'normal',
      fps: undefined,
      deadlineMs: DEADLINE_MS,
      clock,
      supplier: this.#supplier,
      client,
      render: (picture) => {
        this.#leased += 1;
        const lease = {
          slot: 0,
          generation: 2,
          frameId: picture.seq,
          retain: () => lease,
          release: () => void (this.#leased -= 1),
        };
        return {
          lease,
          geometry: geometryOf(picture.width, picture.height, WHOLE, SPEC),
          reference: '/dev/shm/x',
          metadata: { frame_id: picture.seq, width: 300, height: 300, format: 'RGB24' },
        };
      },
      onResult: (result) => {
        this.#resultCount += 1;
        this.#results.push(result);
      },
      keepPicture: () => false,
    });
    [this.#client, this.#consumer] = [client, consumer];
    client.start();
    return { client, consumer };
  }

  async #case(number: number, server: FakeServer): Promise<void> {
    const one = answerCase(Random.ofCase(this.#seed, number));
    try {
      server.spoilNext(one);
      const result = await this.#next();
      const { spoiled } = server;
      if (!spoiled || !result) throw new Error(`it was not asked, the result is ${result?.error?.code}`);
      this.#judge(one, { ...spoiled, frame_id: result.seq }, result);
      if (one.misaligned) await this.#right();
    } catch (error) {
      throw new Error(`${one.kind}: ${messageOf(error)}`, { cause: error });
    }
  }

  #judge(one: AnswerCase, asked: Asked, { status, detections, error }: ResultMessage): void {
    const kind = this.#kinds.get(one.kind) ?? { cases: 0, verdicts: {} };
    this.#kinds.set(one.kind, kind);
    kind.cases += 1;
    kind.verdicts[status] = (kind.verdicts[status] ?? 0) + 1;
    const allowed = one.statuses(asked);
    if (!allowed.includes(status)) {
      const sent = one.bytes(asked).subarray(0, 300).toString('latin1');
      throw new Error(`${status} (${error?.code}), ${allowed.join(' or ')} was expected: ${sent}`);
    }
    if ((status === 'ok') !== (detections !== null)) throw new Error(`${status} with ${JSON.stringify(detections)}`);
  }

  /**
   * A correct answer is accepted after any case; at the latest once the connection has been replaced. Until then the
   * rest of the stream may swallow answers, but must never be taken for one.
   */
  async #right(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const result = await this.#next();
      if (result?.status !== 'ok') continue;
      const [seen, ...more] = result.detections ?? [];
      if (seen?.class_name !== 'person' || more.length > 0)
        throw new Error(`a right answer for frame ${result.seq} became ${JSON.stringify(result.detections)}`);
      this.#good += 1;
      return;
    }
    throw new Error('no right answer was accepted any more');
  }

  /**
   * Publishes a frame once the container counts as ready, and waits until it is accounted for: it has its result, or
   * became stale before there was a grant for it.
   */
  async #next(): Promise<ResultMessage | undefined> {
    await this.#ready();
    this.#results = [];
    this.#published += 1;
    this.#supplier.publish(this.#picture());
    await this.#until('the end of a picture', () => {
      const { published, pending, in_flight } = this.consumer.report();
      return published === this.#published && pending === 0 && in_flight === 0;
    });
    // A further one would have arrived by now.
    for (let i = 0; i < 3; i += 1) await turn();
    const [result] = this.#results;
    if (this.#results.length > 1) throw new Error(`${this.#results.length} results for one picture`);
    if (result && result.seq !== this.#published)
      throw new Error(`a result for frame ${result.seq}, ${this.#published} was published`);
    return result;
  }

  async #ready(): Promise<void> {
    const { client } = this;
    await this.#until('ready', () => client.ready);
    // The circuit breaker is tested elsewhere.
    client.breaker.reset();
  }

  /** Lets messages arrive, then advances the clock, until a condition holds. */
  async #until(what: string, condition: () => boolean): Promise<void> {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      for (let i = 0; i < TURNS; i += 1) {
        if (condition()) return;
        await turn();
      }
      this.#clock.advance(STEP_MS);
    }
    throw new Error(`${what} never came: it hangs`);
  }

  /** Every published frame has exactly one outcome. */
  #audit(): Promise<void> {
    const { published, delivered, pending, dropped, in_flight, results } = this.consumer.report();
    const { gated, overwritten, stale, closed } = dropped;
    const { ok, expired, timeout, unavailable, error } = results;
    const given = delivered + gated + overwritten + stale + closed + pending;
    const settled = ok + expired + timeout + unavailable + error;
    if (published !== given || delivered !== settled + in_flight || settled !== this.#resultCount)
      throw new Error(`not conserved: ${JSON.stringify(this.consumer.report())}, ${this.#resultCount} results`);
    if (this.#clock.pendingTimers > 8) throw new Error(`${this.#clock.pendingTimers} timers are pending`);
    return Promise.resolve();
  }

  get client(): ContainerClient {
    if (!this.#client) throw new Error('not started');
    return this.#client;
  }

  get consumer(): ModelConsumer {
    if (!this.#consumer) throw new Error('not started');
    return this.#consumer;
  }

  #judgeMemory(before: { heap: LiveHeap; descriptors: number }, after: { heap: LiveHeap; descriptors: number }): void {
    const alive = ({ heapUsed, external }: LiveHeap): number => heapUsed + external;
    const grown = alive(after.heap) - alive(before.heap);
    if (!this.#run.short && grown > MEMORY_LIMIT)
      this.#failures.push(`the client: ${mib(grown)} MiB more are alive than after warm-up`);
    // One being closed, and one being opened.
    if (after.descriptors > before.descriptors + 4)
      this.#failures.push(`the client: descriptors grew from ${before.descriptors} to ${after.descriptors}`);
  }

  async #guard(where: string, play: () => Promise<void>): Promise<void> {
    try {
      await play();
    } catch (error) {
      this.#failures.push(`the client, ${where}: ${messageOf(error)}`);
    }
  }

  /** A frame without pixels: a consumer only passes it on. */
  #picture(): Picture {
    this.#live += 1;
    const at = this.#clock.nowMs();
    const stamps = {
      capturedMs: at,
      capturedWallMs: this.#clock.wallMs(),
      hiddenMs: 0,
      arrivedMs: at,
      decodedMs: at,
      ptsUs: 0,
    };
    return new Picture({ width: 600, height: 300 } as NativeFrame, stamps, () => (this.#live -= 1));
  }
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
