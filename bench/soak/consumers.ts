/**
 * Consumers: 64 of them on a 4K camera. First all in the publisher's own event loop, then four of them in other
 * processes, which share one rendition.
 *
 * The pictures are libav's, in native memory, in the runtime's own class. The pool's counts and the heap sizes show
 * whether any of that memory is copied per consumer, kept, or leaked.
 */
import { sleep, systemClock } from '@vigia/base';
import {
  type DropCounters,
  FrameSupplier,
  type MailboxCounters,
  ProcessFrameServer,
  type SeatReport,
} from '@vigia/frame-supplier';
import { addCounts, countsText, ms } from '../support/numbers.ts';
import { geometryOf, type NativeFrame, type Picture, FrameScaler, WHOLE } from '../support/runtime-internals.ts';
import type { Table } from '../support/table.ts';
import { attachChild, type LineChild, type ReaderSpec } from './child.ts';
import { isConserved, isConservedMailbox } from './conservation.ts';
import { consume, isUnhindered, type LoopConsumer, plansOf } from './loop-consumers.ts';
import { type LiveHeap, liveHeap } from './live-heap.ts';
import { LoopWatch } from './loop-watch.ts';
import { mib } from './memory.ts';
import { PicturePool, pictureOf } from './picture-pool.ts';
import { faultsOf, LOGGING_READERS, type ReaderLog } from './reader-log.ts';
import { rgbShape, shmLeftovers, shmPrefix } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const PREFIX = shmPrefix('consumers');
const [WIDTH, HEIGHT, FPS] = [3840, 2160, 30];
const CONSUMERS = 64;
const PROCESSES: readonly ReaderSpec[] = [
  { language: 'node', id: 'node-futex-1', wake: 'futex' },
  { language: 'node', id: 'node-futex-2', wake: 'futex' },
  { language: 'node', id: 'node-socket', wake: 'socket' },
  { language: 'python', id: 'python-futex', wake: 'futex' },
];
const RENDITION = rgbShape(640, 360);
const GEOMETRY = geometryOf(WIDTH, HEIGHT, WHOLE, { width: 640, height: 360, fit: 'stretch', format: 'RGB24' });

/**
 * Growth allowed from the first third to the last. A kept picture would be 12 MB; 100 bytes kept per delivery would be
 * 7 MB in the long form.
 */
const GROWTH_LIMIT = 2 ** 20;
const HEAPS = ['heapUsed', 'external', 'arrayBuffers'] as const;
/** Warm-up for the compiler. */
const WARM_UP_SECONDS = 1;
/**
 * Besides those that slow consumers hold: the newest, the one being distributed, the one before that a reader gets
 * late.
 */
const SPARE_PICTURES = 3;
const PICTURES = plansOf(CONSUMERS).filter(({ workMs }) => workMs > 0).length + SPARE_PICTURES;
const RETURN_LIMIT_MS = 5_000;

/** Observations while frames were published. */
interface Window {
  /** Live memory after each third. */
  readonly heaps: readonly LiveHeap[];
  readonly longestBlockMs: number;
  /** Of this process: 1 is a whole core. */
  readonly cores: number;
}

/** The consumers in other processes, and what they cost. */
interface Remote {
  readonly server: ProcessFrameServer<Picture>;
  readonly children: readonly LineChild[];
  readonly logs: readonly Promise<ReaderLog>[];
  readonly reports: Map<string, SeatReport>;
}

/** Outcome of one part. */
interface PartResult {
  readonly cells: readonly string[];
  readonly failures: readonly string[];
}

class Part {
  readonly #run: SoakRun;
  readonly #name: string;
  readonly #seconds: number;
  readonly #processes: readonly ReaderSpec[];
  readonly #supplier = new FrameSupplier<Picture>({ sourceIntervalMs: () => 1000 / FPS });
  readonly #scaler = new FrameScaler([]);
  readonly #pool: PicturePool;
  /** Content of each native picture in the rendition. */
  readonly #rendered = new Map<NativeFrame, number>();
  #renders = 0;
  #bytesWritten = 0;
  #published = 0;

  constructor(run: SoakRun, name: string, seconds: number, processes: readonly ReaderSpec[]) {
    this.#run = run;
    this.#name = name;
    this.#seconds = seconds;
    this.#processes = processes;
    this.#pool = new PicturePool(WIDTH, HEIGHT, PICTURES, (frame) => {
      const pixels = Buffer.alloc(RENDITION.byteLength);
      this.#scaler.scale(pictureOf(frame), GEOMETRY, pixels);
      this.#rendered.set(frame, pixels[0] ?? 0);
    });
    run.scope.defer(() => this.#scaler.close());
  }

  async consumeAll(): Promise<PartResult> {
    this.#supplier.start();
    const remote = await this.#openRemote();
    const plans = plansOf(CONSUMERS - this.#processes.length);
    const local = plans.map((plan) => consume(this.#supplier, plan));
    this.#run.progress(`${this.#name}, ${this.#seconds} s`);
    const window = await this.#publishWatched();
    this.#supplier.stop();
    const logs = await Promise.all(remote?.logs ?? []);
    remote?.server.close();
    await this.#allReturned();
    this.#pool.close();
    const failures = [
      ...this.#poolFaults(),
      ...heapFaults(window),
      ...local.flatMap((consumer) => this.#faultsOf(consumer)),
      ...this.#remoteFaults(remote, logs),
    ];
    const counters = [...local.map(({ mailbox }) => mailbox.counters()), ...remoteCounters(remote)];
    return { cells: this.#cells(counters, remote, window), failures: failures.map((text) => `${this.#name}: ${text}`) };
  }

  async #openRemote(): Promise<Remote | undefined> {
    if (this.#processes.length === 0) return undefined;
    const reports = new Map<string, SeatReport>();
    const server = await ProcessFrameServer.open<Picture>({
      supplier: this.#supplier,
      path: `/dev/shm/${PREFIX}640x360`,
      socketPath: `/tmp/vigia-soak-consumers-${process.pid}.sock`,
      readers: this.#processes.length,
      rendition: {
        shape: RENDITION,
        render: (picture, pixels) => this.#render(picture, pixels),
        stampsOf: ({ frame, stamps }) => ({
          capturedWallMs: stamps.capturedWallMs,
          ptsUs: this.#rendered.get(frame) ?? -1,
        }),
      },
      onReaderEnd: (id, report) => reports.set(id, report),
    });
    this.#run.scope.defer(() => server.close());
    const children = await Promise.all(
      this.#processes.map((spec) => attachChild(this.#run, LOGGING_READERS, server.socketPath, spec)),
    );
    return { server, children, reports, logs: children.map((child) => child.line<ReaderLog>()) };
  }

  #render(picture: Picture, pixels: Buffer): void {
    this.#renders += 1;
    this.#bytesWritten += pixels.byteLength;
    this.#scaler.scale(picture, GEOMETRY, pixels);
  }

  async #publishWatched(): Promise<Window> {
    await this.#publishFor(WARM_UP_SECONDS);
    const heaps: LiveHeap[] = [];
    const watch = new LoopWatch();
    this.#run.scope.defer(() => watch.close());
    const beginMs = systemClock.nowMs();
    const before = process.cpuUsage();
    for (let third = 0; third < 3; third += 1) {
      await this.#publishFor(this.#seconds / 3);
      heaps.push(await watch.without(liveHeap));
    }
    const { user, system } = process.cpuUsage(before);
    const cores = (user + system) / 1000 / (systemClock.nowMs() - beginMs);
    watch.close();
    return { heaps, longestBlockMs: watch.takeLongestMs(), cores };
  }

  /** Publishes for the duration, and waits one more interval: the last one reaches all consumers. */
  async #publishFor(seconds: number): Promise<void> {
    const beginMs = systemClock.nowMs();
    for (let i = 0; i <= seconds * FPS; i += 1) {
      const dueMs = beginMs + (i * 1000) / FPS;
      await sleep(systemClock, Math.max(0, dueMs - systemClock.nowMs()), this.#run.signal);
      if (i === seconds * FPS) return;
      this.#published += 1;
      this.#supplier.publish(this.#pool.take(this.#published));
    }
  }

  /** Waits until the slow ones have released their pictures, too. */
  async #allReturned(): Promise<void> {
    const deadlineMs = systemClock.nowMs() + RETURN_LIMIT_MS;
    while (this.#pool.counts.inUse > 0 && systemClock.nowMs() < deadlineMs)
      await sleep(systemClock, 10, this.#run.signal);
  }

  #poolFaults(): string[] {
    const { allocated, freed, inUse, mostInUse } = this.#pool.counts;
    const faults: string[] = [];
    const must = (holds: boolean, otherwise: string): void => void (holds || faults.push(otherwise));
    must(this.#supplier.counters().inboxDrops === 0, 'frames were dropped in the inbox');
    must(inUse === 0 && allocated === freed, `${inUse} of ${allocated} native pictures were never given back`);
    must(mostInUse <= PICTURES, `${mostInUse} native pictures were in use at once`);
    must(this.#renders <= this.#published, `${this.#renders} renderings of ${this.#published} frames`);
    must(this.#bytesWritten === this.#renders * RENDITION.byteLength, `${this.#bytesWritten} bytes were rendered`);
    must(this.#renders > 0 || this.#processes.length === 0, 'nothing was rendered');
    return faults;
  }

  #faultsOf({ plan, mailbox, wrong }: LoopConsumer): string[] {
    const counters = mailbox.counters();
    const { offered, delivered } = counters;
    const faults: string[] = [];
    const must = (holds: boolean, otherwise: string): void => void (holds || faults.push(`${plan.id}: ${otherwise}`));
    must(offered === this.#published, `was offered ${offered} of ${this.#published} frames`);
    must(isConservedMailbox(counters), 'not every frame is accounted for');
    must(wrong() === 0, `${wrong()} pictures were not the ones that were published`);
    if (isUnhindered(plan)) must(delivered === offered, `took only ${delivered} of ${offered} frames`);
    else must(delivered > 0 && delivered < offered, `took ${delivered} of ${offered} frames, slow or gated as it is`);
    return faults;
  }

  #remoteFaults(remote: Remote | undefined, logs: readonly ReaderLog[]): string[] {
    if (!remote) return [];
    const faults = this.#processes.flatMap(({ id }, i) => {
      const [log, report] = [logs[i], remote.reports.get(id)];
      if (!log || !report) return [`${id}: reported nothing`];
      const own = faultsOf(id, log);
      if (!isConserved(report)) own.push(`${id}: not every frame is accounted for`);
      if (report.counters.offered !== this.#published) own.push(`${id}: was not offered every frame`);
      if (log.frames.length === 0) own.push(`${id}: took no frame`);
      return own;
    });
    const left = shmLeftovers(
      PREFIX,
      remote.children.map(({ pid }) => pid),
    );
    return left.length > 0 ? [...faults, `left in /dev/shm: ${left.join(', ')}`] : faults;
  }

  #cells(counters: readonly MailboxCounters[], remote: Remote | undefined, window: Window): string[] {
    const dropped: Record<keyof DropCounters, number> = { gated: 0, overwritten: 0, stale: 0, closed: 0 };
    for (const one of counters) addCounts(dropped, { ...one.dropped });
    const sum = (of: readonly MailboxCounters[]): number => of.reduce((n, { delivered }) => n + delivered, 0);
    const { allocated, freed, mostInUse } = this.#pool.counts;
    return [
      this.#published,
      sum(counters),
      sum(remoteCounters(remote)),
      countsText(dropped),
      this.#supplier.counters().inboxDrops,
      `${allocated} (${mib(allocated * this.#pool.pictureBytes)} MiB)`,
      mostInUse,
      allocated - freed,
      this.#renders,
      this.#bytesWritten,
      ...HEAPS.map((heap) => firstAndLast(window, heap).map(mib).join(' → ')),
      ms(window.longestBlockMs),
      `${(window.cores * 100).toFixed(1)} %`,
    ].map(String);
  }
}

const ROWS = [
  'published',
  'delivered',
  '… of them to other processes',
  'dropped',
  'inboxDrops',
  'native pictures allocated, at most at once',
  '… in use, at most at once',
  '… left at the end',
  'renderings',
  'bytes of pixels written for consumers',
  ...HEAPS.map((heap) => `${heap}, alive after the first → the last third, MiB`),
  'event loop blocked at most, ms',
  'CPU of the publisher’s process, of one core',
];

function remoteCounters(remote: Remote | undefined): MailboxCounters[] {
  return [...(remote?.reports.values() ?? [])].map(({ counters }) => counters);
}

function firstAndLast({ heaps }: Window, heap: keyof LiveHeap): [number, number] {
  return [heaps[0]?.[heap] ?? Number.NaN, heaps.at(-1)?.[heap] ?? Number.NaN];
}

function heapFaults(window: Window): string[] {
  return HEAPS.flatMap((heap) => {
    const [first, last] = firstAndLast(window, heap);
    return last <= first + GROWTH_LIMIT ? [] : [`${heap} grew from ${mib(first)} to ${mib(last)} MiB`];
  });
}

async function consumers(run: SoakRun): Promise<SoakResult> {
  const seconds = run.short ? 3 : 60;
  const inLoop = await new Part(run, '64 in the loop', seconds, []).consumeAll();
  const mixed = await new Part(run, '60 in the loop, 4 elsewhere', seconds, PROCESSES).consumeAll();
  const table: Table = {
    title: `${CONSUMERS} consumers of ${WIDTH}×${HEIGHT} NV12 at ${FPS} Hz, ${seconds} s`,
    columns: ['what', '64 in the loop', '60 in the loop, 4 processes'],
    rows: ROWS.map((row, i) => [row, inLoop.cells[i] ?? '', mixed.cells[i] ?? '']),
    notes: [
      'in the loop: half with onOffer, half with for await; of each half two slow (50, 120 ms) and two gated (10, 1 fps)',
      'processes: Node in a futex twice, Node on its socket, Python in a futex; 640×360 RGB, scaled by libav',
    ],
  };
  return { tables: [table], failures: [...inLoop.failures, ...mixed.failures] };
}

await runSoak('consumers', consumers);
