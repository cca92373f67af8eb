/**
 * Stopped readers: the cost of eight stopped readers for their supplier, and the first frame of each one when it
 * continues.
 *
 * The supplier is in this process, so that the publisher's cost is measured here: `publish` itself, and from `publish`
 * to the end of distribution. Three phases of the same length: normal, all readers stopped, all continuing.
 */
import { readFileSync } from 'node:fs';
import { sleep, systemClock } from '@vigia/base';
import { CountedFrame, FrameSupplier, ProcessFrameServer, type SeatReport } from '@vigia/frame-supplier';
import { ms, quantile } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { attachChild, type LineChild, type ReaderSpec } from './child.ts';
import { isConserved } from './conservation.ts';
import { LoopWatch } from './loop-watch.ts';
import { faultsOf, LOGGING_READERS, type ReaderLog } from './reader-log.ts';
import { rgbShape, shmLeftovers, shmPrefix } from './shm.ts';
import { runSoak, type SoakResult, type SoakRun } from './soak-run.ts';

const PREFIX = shmPrefix('stopped');
const SPECS: readonly ReaderSpec[] = [
  { language: 'node', id: 'node-futex-1', wake: 'futex' },
  { language: 'node', id: 'node-futex-2', wake: 'futex' },
  { language: 'node', id: 'node-futex-3', wake: 'futex' },
  { language: 'python', id: 'python-futex', wake: 'futex' },
  { language: 'node', id: 'node-socket-1', wake: 'socket' },
  { language: 'node', id: 'node-socket-2', wake: 'socket' },
  { language: 'node', id: 'node-socket-3', wake: 'socket' },
  { language: 'python', id: 'python-socket', wake: 'socket' },
];
const PHASES = ['as usual', 'all stopped', 'going on'] as const;

/** Allowed cost with stopped readers, as a multiple of the normal cost … */
const WORSE_RATIO = 1.5;
/**
 * … and this much more, µs: an interrupt for the median; for the 99th percentile a time slice of another process, which
 * one frame in a hundred may meet. Any wait for a reader would take half a second.
 */
const WORSE_P50_US = 20;
const WORSE_P99_US = 2_000;
/** Share of the intended publishing rate. */
const LEAST_RATE = 0.98;

/** Rate and duration. */
interface Pace {
  readonly fps: number;
  /** Of each phase. */
  readonly seconds: number;
}

/** The publisher's measurements in one phase. */
interface Phase extends Costs {
  readonly longestBlockMs: number;
  readonly reports: ReadonlyMap<string, SeatReport>;
}

/** The cost of publishing, frame by frame, and the number of frames per second. */
interface Costs {
  readonly publishUs: readonly number[];
  readonly distributedUs: readonly number[];
  readonly rate: number;
}

interface Reader {
  readonly spec: ReaderSpec;
  readonly child: LineChild;
  readonly log: Promise<ReaderLog>;
}

class StoppedReaders {
  readonly #run: SoakRun;
  readonly #pace: Pace;
  readonly #supplier: FrameSupplier<CountedFrame<number>>;
  readonly #last = new Map<string, SeatReport>();
  readonly #watch = new LoopWatch();
  #published = 0;

  constructor(run: SoakRun, pace: Pace) {
    this.#run = run;
    this.#pace = pace;
    this.#supplier = new FrameSupplier({ sourceIntervalMs: () => 1000 / pace.fps });
    run.scope.defer(() => this.#watch.close());
  }

  async stopAndContinue(): Promise<SoakResult> {
    this.#supplier.start();
    const server = await this.#open();
    const readers = await Promise.all(SPECS.map((spec) => this.#attach(server.socketPath, spec)));
    await this.#publishFor(this.#run.short ? 0.5 : 2);
    const usual = await this.#phase(server, 'as usual');
    await this.#signal(readers, 'SIGSTOP', 'T');
    const stopped = await this.#phase(server, 'all stopped');
    const continued = { atMs: systemClock.nowMs(), newest: this.#published };
    await this.#signal(readers, 'SIGCONT');
    const goingOn = await this.#phase(server, 'going on');
    this.#supplier.stop();
    const logs = await Promise.all(readers.map(({ log }) => log));
    server.close();
    const firsts = logs.map(({ frames }) => frames.find(([takenMs]) => takenMs > continued.atMs));
    const failures = [
      ...this.#publisherFaults(usual, stopped, [usual, stopped, goingOn]),
      ...readers.flatMap(({ spec: { id } }, i) => [
        ...faultsOf(id, logs[i] ?? NO_LOG),
        ...this.#readerFaults(id, usual, stopped, firsts[i]?.[1] ?? 0, continued.newest),
      ]),
    ];
    const left = shmLeftovers(
      PREFIX,
      readers.map(({ child }) => child.pid),
    );
    if (left.length > 0) failures.push(`left in /dev/shm: ${left.join(', ')}`);
    return {
      tables: [
        this.#publisherTable([usual, stopped, goingOn]),
        readerTable({ usual, stopped, goingOn, firsts, continued }),
      ],
      failures,
    };
  }

  async #open(): Promise<ProcessFrameServer<CountedFrame<number>>> {
    const server = await ProcessFrameServer.open({
      supplier: this.#supplier,
      path: `/dev/shm/${PREFIX}300x300`,
      socketPath: `/tmp/vigia-soak-stopped-${process.pid}.sock`,
      readers: SPECS.length,
      rendition: {
        shape: rgbShape(300, 300),
        render: ({ value }, pixels) => pixels.fill(value),
        stampsOf: ({ value }) => ({ capturedWallMs: 0, ptsUs: value }),
      },
      onReaderEnd: (id, report) => this.#last.set(id, report),
    });
    this.#run.scope.defer(() => server.close());
    return server;
  }

  async #attach(socketPath: string, spec: ReaderSpec): Promise<Reader> {
    const child = await attachChild(this.#run, LOGGING_READERS, socketPath, spec);
    return { spec, child, log: child.line<ReaderLog>() };
  }

  /** Publishes for the duration of one phase, and half an interval more: nothing is in transit then. */
  async #phase(server: ProcessFrameServer<CountedFrame<number>>, name: string): Promise<Phase> {
    const { seconds, fps } = this.#pace;
    this.#run.progress(`${name}, ${seconds} s`);
    this.#watch.takeLongestMs();
    const costs = await this.#publishFor(seconds);
    const longestBlockMs = this.#watch.takeLongestMs();
    await sleep(systemClock, 500 / fps, this.#run.signal);
    const reports = new Map(SPECS.map(({ id }) => [id, server.report(id) ?? NO_REPORT]));
    return { ...costs, longestBlockMs, reports };
  }

  async #publishFor(seconds: number): Promise<Costs> {
    const publishUs: number[] = [];
    const distributedUs: number[] = [];
    const beginMs = systemClock.nowMs();
    const frames = Math.round(seconds * this.#pace.fps);
    for (let i = 1; i <= frames; i += 1) {
      const dueMs = beginMs + (i * 1000) / this.#pace.fps;
      await sleep(systemClock, Math.max(0, dueMs - systemClock.nowMs()), this.#run.signal);
      this.#publish(publishUs, distributedUs);
    }
    return { publishUs, distributedUs, rate: (frames * 1000) / (systemClock.nowMs() - beginMs) };
  }

  #publish(publishUs: number[], distributedUs: number[]): void {
    this.#published += 1;
    const frame = new CountedFrame(this.#published & 255, systemClock.nowMs());
    const beginMs = performance.now();
    this.#supplier.publish(frame);
    publishUs.push((performance.now() - beginMs) * 1000);
    // Eight readers are served in one microtask, which `publish` has queued; this one runs right after it.
    void Promise.resolve().then(() => distributedUs.push((performance.now() - beginMs) * 1000));
  }

  async #signal(readers: readonly Reader[], signal: 'SIGSTOP' | 'SIGCONT', state?: string): Promise<void> {
    for (const { child } of readers) child.process.kill(signal);
    if (state === undefined) return;
    const deadlineMs = systemClock.nowMs() + 5_000;
    while (readers.some(({ child }) => stateOf(child.pid) !== state)) {
      if (systemClock.nowMs() > deadlineMs) throw new Error(`the readers did not heed ${signal}`);
      await sleep(systemClock, 1, this.#run.signal);
    }
  }

  #publisherFaults(usual: Phase, stopped: Phase, phases: readonly Phase[]): string[] {
    const { published, inboxDrops } = this.#supplier.counters();
    const faults: string[] = [];
    if (inboxDrops > 0) faults.push(`${inboxDrops} of ${published} frames were dropped in the inbox`);
    phases.forEach(({ rate }, i) => {
      const least = this.#pace.fps * LEAST_RATE;
      if (rate < least) faults.push(`${PHASES[i]}: only ${rate.toFixed(1)} frames were published per second`);
    });
    const compared = [
      ['publish', usual.publishUs, stopped.publishUs],
      ['publish → end of distribution', usual.distributedUs, stopped.distributedUs],
    ] as const;
    for (const [what, before, now] of compared) {
      for (const [q, floorUs] of [[0.5, WORSE_P50_US] as const, [0.99, WORSE_P99_US] as const]) {
        const [limitUs, foundUs] = [quantile(before, q) * WORSE_RATIO + floorUs, quantile(now, q)];
        if (!(foundUs <= limitUs))
          faults.push(
            `${what}, p${q * 100}, readers stopped: ${foundUs.toFixed(1)} µs, at most ${limitUs.toFixed(1)} were allowed`,
          );
      }
    }
    return faults;
  }

  #readerFaults(id: string, usual: Phase, stopped: Phase, first: number, newest: number): string[] {
    const faults: string[] = [];
    if (first < newest) faults.push(`${id}: got frame ${first} first when it went on, ${newest} was there`);
    const offers = delivered(stopped, id) - delivered(usual, id);
    if (offers > 1) faults.push(`${id}: ${offers} renderings were offered to it while it was stopped`);
    const told = [usual.reports.get(id), stopped.reports.get(id), this.#last.get(id)];
    if (!told.every((report) => report && isConserved(report))) faults.push(`${id}: not every frame is accounted for`);
    if (this.#last.get(id)?.counters.offered !== this.#published) faults.push(`${id}: was not offered every frame`);
    return faults;
  }

  #publisherTable(phases: readonly Phase[]): Table {
    const cells = (values: readonly number[]): string[] => [0.5, 0.99, 1].map((q) => quantile(values, q).toFixed(1));
    const rows = phases.map(({ publishUs, distributedUs, rate, longestBlockMs }, i) => [
      PHASES[i] ?? '',
      rate.toFixed(1),
      ...cells(publishUs),
      ...cells(distributedUs),
      ms(longestBlockMs),
    ]);
    const { fps, seconds } = this.#pace;
    return {
      title: `The publisher of eight readers, 300×300 RGB at ${fps} Hz, ${seconds} s each`,
      columns: [
        'readers',
        'Hz',
        'publish µs p50',
        'p99',
        'max',
        '→ distributed µs p50',
        'p99',
        'max',
        'loop blocked ms',
      ],
      rows,
      notes: ['→ distributed: from publish to the end of distribution, rendering and waking included'],
    };
  }
}

const NO_LOG: ReaderLog = { frames: [], expired: 0, torn: 0, end: undefined };
const NO_REPORT: SeatReport = {
  counters: { offered: 0, delivered: 0, pending: 0, dropped: { gated: 0, overwritten: 0, stale: 0, closed: 0 } },
  results: { ok: 0, expired: 0, timeout: 0, unavailable: 0, error: 0 },
  inFlight: 0,
};

function delivered({ reports }: Phase, id: string): number {
  return reports.get(id)?.counters.delivered ?? 0;
}

interface Readings {
  readonly usual: Phase;
  readonly stopped: Phase;
  readonly goingOn: Phase;
  readonly firsts: readonly (readonly [number, number] | undefined)[];
  readonly continued: { readonly atMs: number; readonly newest: number };
}

function readerTable({ usual, stopped, goingOn, firsts, continued }: Readings): Table {
  const rows = SPECS.map(({ id }, i) => {
    const [takenMs = Number.NaN, seq = 0] = firsts[i] ?? [];
    return [
      id,
      String(delivered(usual, id)),
      String(delivered(stopped, id) - delivered(usual, id)),
      String(delivered(goingOn, id) - delivered(stopped, id)),
      `+${seq - continued.newest}`,
      ms(takenMs - continued.atMs),
    ];
  });
  return {
    title: 'The readers: frames offered to each, and what it got first when it went on',
    columns: ['reader', 'until stopped', 'while stopped', 'going on', 'first frame − newest', 'first frame after ms'],
    rows,
  };
}

/** The process state letter in /proc: T when it is stopped. */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
}

await runSoak('stopped-readers', (run) =>
  new StoppedReaders(run, run.short ? { fps: 100, seconds: 2 } : { fps: 60, seconds: 10 }).stopAndContinue(),
);
