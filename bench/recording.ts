// `npm run bench -- recording`: what recording costs, compared with ffmpeg, and what it does to the ages of results
// (docs/reference/benchmarks.md).
import { sleep, systemClock } from '@vigia/base';
import { type Contender, memoryOf, type NodeTask, startFfmpeg, startNode, usageOf } from './recording/contenders.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { mean, ms, quantile } from './support/numbers.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const CAMERAS = 16;
const FEW = 8;
/** Of a camera. */
const FPS = 15;
const WORKER_FPS = 2;
/** A recorder runs for months: its code is warm. */
const WARM_MS = 30_000;
const SETTLE_MS = 5_000;
const MIB = 2 ** 20;

/** One measured window. */
interface Window {
  /** Of one core. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly fileMiB: number;
  readonly diskMiB: number;
  /** Of ok results, milliseconds. */
  readonly ages: readonly number[];
}

interface Variant {
  readonly name: string;
  /** From its start to the window, milliseconds. */
  readonly settleMs: number;
  readonly start: (run: BenchRun, urls: readonly string[]) => Promise<Contender>;
}

const USUAL = { seconds: 20, rounds: 3, leastSeconds: 2 };
const readOptions = (args: string[]): WindowOptions => windowOptions(args, USUAL);

async function windowOf(run: BenchRun, variant: Variant, urls: readonly string[]): Promise<Window> {
  const contender = await variant.start(run, urls);
  await sleep(systemClock, variant.settleMs, run.signal);
  const from = contender.node?.lines.length ?? 0;
  const [before, startMs] = [usageOf(contender), systemClock.nowMs()];
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const [after, elapsedMs] = [usageOf(contender), systemClock.nowMs() - startMs];
  const results = contender.node?.results(from) ?? [];
  const window = {
    cpu: (after.cpuMs - before.cpuMs) / elapsedMs,
    memoryMiB: memoryOf(contender) / MIB,
    fileMiB: (after.fileBytes - before.fileBytes) / MIB,
    diskMiB: (after.diskBytes - before.diskBytes) / MIB,
    ages: results.flatMap(({ result }) => (result.status === 'ok' ? [result.age_ms] : [])),
  };
  await contender.close();
  return window;
}

/** Each variant once a round, by turns. */
async function alternate(
  run: BenchRun,
  rounds: number,
  urls: readonly string[],
  variants: readonly Variant[],
): Promise<Window[][]> {
  const windows: Window[][] = variants.map(() => []);
  for (let round = 1; round <= rounds; round += 1)
    for (const [i, variant] of variants.entries()) {
      run.progress(`round ${round} of ${rounds}: ${urls.length} cameras, ${variant.name}`);
      windows[i]?.push(await windowOf(run, variant, urls));
    }
  return windows;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const each = (windows: readonly Window[], of: (window: Window) => number, as: (value: number) => string): string =>
  windows.map((window) => as(of(window))).join(', ');
const mib = (value: number): string => value.toFixed(1);

async function cost(run: BenchRun, rounds: number, urls: readonly string[]): Promise<Table> {
  const variants: readonly Variant[] = [
    { name: 'vigia', settleMs: WARM_MS, start: (r, all) => startNode(r, all, { recorded: true }) },
    {
      name: 'vigia, one process for each',
      settleMs: WARM_MS,
      start: (r, all) => startNode(r, all, { recorded: true, camerasPerProcess: 1 }),
    },
    { name: 'ffmpeg -c copy', settleMs: WARM_MS, start: startFfmpeg },
    { name: 'vigia, not recording', settleMs: WARM_MS, start: (r, all) => startNode(r, all, { recorded: false }) },
  ];
  const windows = await alternate(run, rounds, urls, variants);
  const cpu = (i: number): number => mean((windows[i] ?? []).map((window) => window.cpu));
  return {
    title: `${urls.length} cameras at ${FPS} frames/s, nobody analyses them; ${run.seconds} s each, half a minute after the start, by turns`,
    columns: ['', 'CPU of one core', 'of ffmpeg', 'memory (PSS), MiB', 'files, MiB', 'to disk, MiB'],
    rows: variants.map(({ name }, i) => {
      const own = windows[i] ?? [];
      const ratio = `${(cpu(i) / cpu(2)).toFixed(2)}×`;
      return [
        name,
        each(own, (window) => window.cpu, percent),
        ratio,
        each(own, (window) => window.memoryMiB, mib),
        each(own, (window) => window.fileMiB, mib),
        each(own, (window) => window.diskMiB, mib),
      ];
    }),
    notes: [
      'ffmpeg: one process per camera, segments of a minute as plain MP4, of which a kill loses all; vigia: fragments of half a second, an index, retention',
      'CPU of all processes of each, the supervisor and its ones without work included; the cameras are not counted',
      'to disk: what the system was given to write, as far as it had begun to',
    ],
  };
}

async function ages(run: BenchRun, rounds: number, urls: readonly string[]): Promise<Table> {
  const tasks: readonly (Pick<NodeTask, 'recorded' | 'camerasPerProcess'> & { readonly name: string })[] = [
    { name: 'not recorded', recorded: false },
    { name: 'recorded', recorded: true },
    { name: 'recorded, one process for each', recorded: true, camerasPerProcess: 1 },
  ];
  const variants = tasks.map(
    ({ name, ...task }): Variant => ({
      name,
      settleMs: SETTLE_MS,
      start: (r, all) => startNode(r, all, { ...task, workerFps: WORKER_FPS }),
    }),
  );
  const windows = await alternate(run, rounds, urls, variants);
  return {
    title: `Ages of results, ${urls.length} cameras at ${FPS} frames/s with a worker at ${WORKER_FPS} each; ${run.seconds} s, by turns`,
    columns: ['', 'age p50, ms', 'p99', 'results/s', 'CPU of one core', 'memory (PSS), MiB'],
    rows: variants.map(({ name }, i) => {
      const own = windows[i] ?? [];
      return [
        name,
        each(own, (window) => quantile(window.ages, 0.5), ms),
        each(own, (window) => quantile(window.ages, 0.99), ms),
        each(own, (window) => window.ages.length / run.seconds, mib),
        each(own, (window) => window.cpu, percent),
        each(own, (window) => window.memoryMiB, mib),
      ];
    }),
    notes: ['recorded: the ingest process has the connection, and passes units to the camera process over a socket'],
  };
}

process.exitCode = await runBenchmark('recording', readOptions, async (run, { rounds, markdown }) => {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  print(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  const camera = await CameraFork.start(run, { fps: FPS });
  const urls = Array.from({ length: CAMERAS }, () => camera.url);
  for (const table of [
    await cost(run, rounds, urls),
    await ages(run, rounds, urls.slice(0, FEW)),
    await ages(run, rounds, urls),
  ])
    print(markdown ? asMarkdown(table) : asText(table));
  return true;
});
