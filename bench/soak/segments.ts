/**
 * Short-lived segments and long-lived readers: the size of the picture changes with every frame, so every frame is in a
 * segment of its own, which its successor replaces.
 *
 * Three readers, because each maps in its own way: Node in its event loop, Node blocking in a futex, and Python. Each
 * has a server of its own, so that the others do not remove its segment before it was read.
 */
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { CountedFrame, FrameSupplier, ProcessFrameServer, type SeatReport } from '@vigia/frame-supplier';
import type { Table } from '../support/table.ts';
import { attachAgent, attachChild, type LineChild, type LoopAnswer, type ReaderSpec } from './child.ts';
import { isConserved } from './conservation.ts';
import { type MemorySample, memoryOf, mib } from './memory.ts';
import type { SegmentCounts } from './segments-child.ts';
import { LARGEST_SEGMENT_BYTES, shapeOfFrame } from './segments-shapes.ts';
import { shmLeftovers, shmPrefix } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const CHILD = fileURLToPath(new URL('segments-child.js', import.meta.url));
const PREFIX = shmPrefix('segments');
const SAMPLES = 30;
/** Segments per wanted frame, at most: some are replaced before their reader saw them. */
const MOST_SEGMENTS = 2;
const LIVE_LIMIT_MS = 5_000;

/** Besides the newest segment a reader maps the seat table and its own page: three pages of the system. */
const SHMEM_LIMIT = LARGEST_SEGMENT_BYTES + 3 * 4_096;
/**
 * V8's usual growth of a young heap; a page kept of each of 10,000 segments would be 40 MiB, of each of 300 invisible.
 */
const ANON_GROWTH_LIMIT = 16 * 2 ** 20;
/** Addresses are released when V8 has collected the views, and V8 collects once some 64 MiB of buffers are pending. */
const ADDRESSES_GROWTH_LIMIT = 64 * 2 ** 20;
/** Those 64 MiB are about 200 segments; V8 adds some 35 mappings of its own at its first large collection. */
const MAPPINGS_GROWTH_LIMIT = 240;

/** A descriptor is open only while a segment is being mapped. */
const OPENING = 1;

type Frame = CountedFrame<undefined>;

/** One process, and samples of its memory. */
interface Watched {
  readonly name: string;
  readonly pid: number;
  /** Readers that it serves, or 1. */
  readonly segments: number;
  /** Whether its event loop never turns, so that finalizers of collected objects cannot run. */
  readonly blocked: boolean;
  readonly samples: MemorySample[];
  /** Once it is idle. */
  after: MemorySample | undefined;
}

interface Lane extends Watched {
  readonly id: string;
  readonly server: ProcessFrameServer<Frame>;
  readonly child: LineChild;
  readonly answer: Promise<SegmentCounts>;
  last: SeatReport | undefined;
}

const READERS: readonly (readonly [string, ReaderSpec])[] = [
  ['Node, event loop', { language: 'node', id: 'loop', wake: 'socket' }],
  ['Node, futex', { language: 'node', id: 'blocking', wake: 'futex' }],
  ['Python, futex', { language: 'python', id: 'python', wake: 'futex' }],
];

async function openLane(run: SoakRun, supplier: FrameSupplier<Frame>, name: string, spec: ReaderSpec): Promise<Lane> {
  const socketPath = `/tmp/vigia-soak-segments-${process.pid}-${spec.id}.sock`;
  const server = await ProcessFrameServer.open({
    supplier,
    path: `/dev/shm/${PREFIX}${spec.id}`,
    socketPath,
    readers: 1,
    rendition: {
      shape: shapeOfFrame(0),
      shapeOf: ({ seq }) => shapeOfFrame(seq),
      render: ({ seq }, pixels) => pixels.fill(seq & 255),
    },
    onReaderEnd: (_, report) => (lane.last = report),
  });
  run.scope.defer(() => server.close());
  const { child, answer } = await startReader(run, socketPath, spec);
  const blocked = spec.language === 'node' && spec.wake === 'futex';
  const watched = { name, pid: child.pid, segments: 1, blocked, samples: [], after: undefined };
  const lane: Lane = { ...watched, id: spec.id, server, child, answer, last: undefined };
  return lane;
}

async function startReader(
  run: SoakRun,
  socketPath: string,
  spec: ReaderSpec,
): Promise<{ child: LineChild; answer: Promise<SegmentCounts> }> {
  if (spec.language === 'node') {
    const child = await attachChild(run, { node: CHILD, python: '' }, socketPath, spec);
    return { child, answer: child.line<SegmentCounts>() };
  }
  const child = await attachAgent(run, socketPath, spec);
  const answer = child.ask<LoopAnswer>({ op: 'loop', frames: 1e9 }).then((counts) => ({
    ...counts,
    // It checks every 64th byte of each frame, but knows no sizes, and keeps nothing.
    misshapen: 0,
    keptNotZero: undefined,
    end: counts.end ?? undefined,
  }));
  return { child, answer };
}

class Segments {
  readonly #run: SoakRun;
  readonly #supplier = new FrameSupplier<Frame>();
  readonly #wanted: number;
  readonly #self: Watched = {
    name: 'the supplier',
    pid: process.pid,
    segments: READERS.length,
    blocked: false,
    samples: [],
    after: undefined,
  };
  #lanes: readonly Lane[] = [];

  constructor(run: SoakRun, wanted: number) {
    this.#run = run;
    this.#wanted = wanted;
  }

  async replaceAll(): Promise<SoakResult> {
    this.#supplier.start();
    const opening = READERS.map(([name, spec]) => openLane(this.#run, this.#supplier, name, spec));
    this.#lanes = await Promise.all(opening);
    const published = await this.#publishUntilTaken();
    this.#supplier.stop();
    const answers = await Promise.all(this.#lanes.map(({ answer }) => answer));
    await this.#watchTheEnd();
    for (const { server } of this.#lanes) server.close();
    return this.#judge(published, answers);
  }

  /** Publishes until every reader has taken the wanted number of frames. */
  async #publishUntilTaken(): Promise<number> {
    let published = 0;
    for (let taken = 0; taken < this.#wanted; taken = this.#takenByAll()) {
      if (published >= this.#wanted * MOST_SEGMENTS) break;
      while (this.#self.samples.length < (taken / this.#wanted) * SAMPLES) this.#sample();
      this.#supplier.publish(new CountedFrame(undefined, systemClock.nowMs()));
      published += 1;
      await this.#offered(published);
      if (published % 2_500 === 0) this.#run.progress(`${published} segments`);
    }
    this.#sample();
    return published;
  }

  /** Waits until every reader was offered the newest frame: each has a new segment then. */
  async #offered(published: number): Promise<void> {
    const deadlineMs = systemClock.nowMs() + LIVE_LIMIT_MS;
    const waits = ({ server, id }: Lane): boolean => (server.report(id)?.counters.delivered ?? 0) < published;
    do {
      await sleep(systemClock, 0, this.#run.signal);
      if (systemClock.nowMs() > deadlineMs) throw new Error(this.#stuck(published));
    } while (this.#lanes.some(waits));
  }

  #stuck(published: number): string {
    const reports = this.#lanes.map(({ name, server, id }) => `${name}: ${JSON.stringify(server.report(id))}`);
    return `frame ${published} was not offered to every reader within ${LIVE_LIMIT_MS} ms; ${reports.join('; ')}`;
  }

  #takenByAll(): number {
    return Math.min(...this.#lanes.map(({ server, id }) => server.report(id)?.results.ok ?? 0));
  }

  #sample(): void {
    for (const { pid, samples } of [...this.#lanes, this.#self]) samples.push(memoryOf(pid));
  }

  /** Memory released once the readers' loops turn freely. */
  async #watchTheEnd(): Promise<void> {
    const deadlineMs = systemClock.nowMs() + LIVE_LIMIT_MS;
    const watched = [...this.#lanes, this.#self];
    do {
      await sleep(systemClock, 100, this.#run.signal);
      for (const process of watched) process.after = memoryOf(process.pid);
    } while (systemClock.nowMs() < deadlineMs && watched.some((process) => !gaveAddressesBack(process)));
  }

  #judge(published: number, answers: readonly SegmentCounts[]): SoakResult {
    const failures = [...this.#lanes, this.#self].flatMap(growthOf);
    this.#lanes.forEach((lane, i) => {
      const answer = answers[i];
      if (answer) failures.push(...this.#faultsOf(lane, answer, published));
    });
    const left = shmLeftovers(
      PREFIX,
      this.#lanes.map(({ pid }) => pid),
    );
    if (left.length > 0) failures.push(`left in /dev/shm: ${left.join(', ')}`);
    return { tables: [this.#takenTable(published, answers), this.#memoryTable()], failures };
  }

  #faultsOf({ name, last }: Lane, counts: SegmentCounts, published: number): string[] {
    const { torn, misshapen, backwards, keptNotZero = 0, end, frames } = counts;
    const faults: string[] = [];
    const must = (holds: boolean, otherwise: string): void => void (holds || faults.push(`${name}: ${otherwise}`));
    must(end === 'stopped', `ended with ${end}`);
    must(torn === 0, `${torn} torn frames were taken for whole`);
    must(misshapen === 0, `${misshapen} frames were of another size than was published`);
    must(backwards === 0, `went back in time ${backwards} times`);
    must(keptNotZero === 0, `${keptNotZero} bytes of a view that was kept are not 0`);
    must(frames >= this.#wanted, `only ${frames} of ${published} frames were taken, ${this.#wanted} were wanted`);
    must(last !== undefined && isConserved(last), 'not every frame is accounted for');
    return faults;
  }

  #takenTable(published: number, answers: readonly SegmentCounts[]): Table {
    const rows = this.#lanes.map(({ name, last }, i) => {
      const { frames = 0, torn = 0, misshapen = 0, keptNotZero } = answers[i] ?? {};
      const overtaken = last?.results.expired ?? 0;
      return [name, ...[published, frames, overtaken, torn, misshapen].map(String), String(keptNotZero ?? '–')];
    });
    return {
      title: 'A segment per frame, 24 KiB to 1 MiB',
      columns: ['reader', 'segments', 'frames taken', 'overtaken', 'torn', 'wrong size', 'kept view: bytes not 0'],
      rows,
      notes: ['overtaken: a newer frame came before the reader had looked at the offer, so it took that one instead'],
    };
  }

  #memoryTable(): Table {
    const rows = [...this.#lanes, this.#self].flatMap(({ name, samples, after }) =>
      [0.1, 0.5, 1]
        .map((share) => memoryRow(name, `${share * 100} %`, sampleAt(samples, share)))
        .concat([memoryRow(name, 'after the end', after)]),
    );
    return {
      title: 'Memory of each process, MiB',
      columns: ['process', 'at', 'RSS', 'RssAnon', 'RssShmem', 'VmSize', 'mappings', 'descriptors'],
      rows,
    };
  }
}

function sampleAt(samples: readonly MemorySample[], share: number): MemorySample | undefined {
  return samples[Math.round(share * (samples.length - 1))];
}

function memoryRow(name: string, at: string, sample: MemorySample | undefined): string[] {
  if (!sample) return [name, at];
  const { rss, rssAnon, rssShmem, vmSize, mappings, descriptors } = sample;
  return [name, at, ...[rss, rssAnon, rssShmem, vmSize].map(mib), String(mappings), String(descriptors)];
}

function most(samples: readonly MemorySample[], of: keyof MemorySample): number {
  return Math.max(...samples.map((sample) => sample[of]));
}

/** The first and the last third. */
function thirds(samples: readonly MemorySample[]): readonly [MemorySample[], MemorySample[]] {
  const third = Math.floor(samples.length / 3);
  return [samples.slice(0, third), samples.slice(-third)];
}

function gaveAddressesBack({ samples, after }: Watched): boolean {
  const [early] = thirds(samples);
  return after !== undefined && after.vmSize <= most(early, 'vmSize') + ADDRESSES_GROWTH_LIMIT;
}

/** Forbidden growth: the maximum of the last third against that of the first. */
function growthOf(watched: Watched): string[] {
  const { name, samples, segments, blocked } = watched;
  const [early, late] = thirds(samples);
  const faults: string[] = [];
  const flat = (of: keyof MemorySample, limit: number): void => {
    const [before, now] = [most(early, of), most(late, of)];
    if (now > before + limit) faults.push(`${name}: ${of} grew from ${before} to ${now}`);
  };
  const shmem = most(samples, 'rssShmem');
  if (shmem > SHMEM_LIMIT * segments) faults.push(`${name}: ${mib(shmem)} MiB of segments were resident at once`);
  flat('rssAnon', ANON_GROWTH_LIMIT);
  flat('mappings', MAPPINGS_GROWTH_LIMIT);
  flat('descriptors', OPENING);
  if (!blocked) flat('vmSize', ADDRESSES_GROWTH_LIMIT);
  if (!gaveAddressesBack(watched)) faults.push(`${name}: addresses were not given back after the end`);
  return faults;
}

await runSoak('segments', (run) => new Segments(run, run.short ? 300 : 10_000).replaceAll());
