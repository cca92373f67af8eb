// `npm run bench -- door`: how late results arrive at the node's outlets while its HTTP port is under load, by turns in one
// running node (docs/reference/benchmarks.md).
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { type LoadCounts, type LoadKind, startLoad } from './door/load.ts';
import { type Outlet, OUTLETS, Outlets } from './door/outlets.ts';
import { StateBroker } from './soak/surfaces/state-broker.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { freePort } from './support/free-port.ts';
import { mean, ms, quantile } from './support/numbers.ts';
import { descendantsOf, threadsCpuMs } from './support/processes.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';
import { wallOffsetMs } from './support/wall-offset.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const BRIGHT = fileURLToPath(new URL('../../examples/workers/brightness.mjs', import.meta.url));
const CAMERAS = ['c1', 'c2', 'c3', 'c4'] as const;
const FPS = 10;
/** Between two windows, milliseconds. */
const SETTLE_MS = 1_000;
/** Allowed for the 99th percentile above that of the quiet windows, milliseconds. */
const AIM_MS = 20;

/** Each with its load; undefined: nobody asks. */
const ROWS: readonly { readonly name: string; readonly load: LoadKind | undefined }[] = [
  { name: 'quiet', load: undefined },
  { name: '300 pipelined documents', load: 'documents' },
  { name: 'up to 11,000 bad requests/s', load: 'bad' },
  { name: '20 pages open', load: 'pages' },
];

interface Window {
  readonly load: LoadKind | undefined;
  /** From decision to arrival, milliseconds. */
  readonly delays: Readonly<Record<Outlet, readonly number[]>>;
  /** Of the supervisor, and of the process for the HTTP port: milliseconds, NaN when the node has none. */
  readonly cpuMs: readonly number[];
  readonly counts: LoadCounts | undefined;
}

const USUAL = { seconds: 8, rounds: 3, leastSeconds: 1 };
const readOptions = (args: string[]): WindowOptions => windowOptions(args, USUAL);

async function startNode(run: BenchRun, port: number, broker: StateBroker): Promise<VigiaNode> {
  const sources: Record<string, string> = {};
  for (const id of CAMERAS) sources[id] = (await CameraFork.start(run, { fps: FPS })).url;
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const top = `http: { listen: "127.0.0.1:${port}" }\nmqtt: { url: "${broker.url}" }\n${workers}`;
  const node = VigiaNode.start(run, sources, '{ light: { worker: bright } }', '', { models: '', top });
  await node.okResults(CAMERAS, FPS);
  return node;
}

/** What the supervisor and the process for the HTTP port have used so far, milliseconds. */
function cpuOf(node: VigiaNode): number[] {
  const api = descendantsOf(node.pid).find(({ command }) => command.includes('/api-process.'));
  return [threadsCpuMs(node.pid), api ? threadsCpuMs(api.pid) : Number.NaN];
}

async function windowOf(
  run: BenchRun,
  node: VigiaNode,
  outlets: Outlets,
  { port, load }: { port: number; load: Window['load'] },
): Promise<Window> {
  await sleep(systemClock, SETTLE_MS, run.signal);
  // One that was interrupted is too small.
  const offsetMs = Math.max(...Array.from({ length: 3 }, wallOffsetMs));
  const stop = load && (await startLoad(run, port, load));
  const [before, fromMs] = [cpuOf(node), systemClock.nowMs()];
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const [after, untilMs] = [cpuOf(node), systemClock.nowMs()];
  const counts = await stop?.();
  await outlets.passed(CAMERAS, untilMs + offsetMs);
  const delays = (outlet: Outlet): number[] => outlets.delays(outlet, fromMs, untilMs, offsetMs);
  return {
    load,
    delays: { broker: delays('broker'), 'control socket': delays('control socket') },
    cpuMs: after.map((each, i) => each - (before[i] ?? 0)),
    counts,
  };
}

/** Why a window shows nothing; undefined: it does. */
function wrongWith({ load, delays, counts }: Window): string | undefined {
  const silent = OUTLETS.find((outlet) => delays[outlet].length === 0);
  if (silent) return `no result arrived at the ${silent}`;
  if (counts?.answers === 0 || (load === 'pages' && counts?.pictures === 0)) return 'the load received nothing';
  return counts && counts.ended > 0 ? `the node ended ${counts.ended} streams of pages` : undefined;
}

async function measure(run: BenchRun, rounds: number): Promise<Window[]> {
  const [port, broker] = [await freePort(), await StateBroker.start(run)];
  const node = await startNode(run, port, broker);
  const outlets = new Outlets(run, node, broker);
  await outlets.passed(CAMERAS, Date.now());
  const windows: Window[] = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const { name, load } of ROWS) {
      const window = await windowOf(run, node, outlets, { port, load });
      const wrong = wrongWith(window);
      if (wrong !== undefined) throw new Error(`round ${round}, ${name}: ${wrong}`);
      windows.push(window);
      const p99s = OUTLETS.map((outlet) => `${outlet} ${ms(quantile(window.delays[outlet], 0.99))} ms`);
      run.progress(`round ${round}, ${name}: p99 ${p99s.join(', ')}`);
    }
  return windows;
}

function tablesOf(windows: readonly Window[], { seconds, rounds }: WindowOptions): Table[] {
  const delaysOf = (load: Window['load'], outlet: Outlet): number[] =>
    windows.flatMap((window) => (window.load === load ? window.delays[outlet] : []));
  const aboveQuiet = (load: Window['load'], outlet: Outlet): number =>
    quantile(delaysOf(load, outlet), 0.99) - quantile(delaysOf(undefined, outlet), 0.99);
  const late = ROWS.filter(({ load }) => OUTLETS.some((outlet) => aboveQuiet(load, outlet) > AIM_MS));
  const arrival = (load: Window['load'], outlet: Outlet): string[] => {
    const delays = delaysOf(load, outlet);
    const above = aboveQuiet(load, outlet);
    return [
      ...[0.5, 0.99, 1].map((q) => ms(quantile(delays, q))),
      load === undefined ? '–' : `${above < 0 ? '−' : '+'}${ms(Math.abs(above))}`,
      (delays.length / rounds / seconds).toFixed(1),
    ];
  };
  const cost = ({ name, load }: (typeof ROWS)[number]): string[] => {
    const mine = windows.filter((window) => window.load === load);
    const text = (value: number, unit: string): string => (value > 0 ? `${value.toFixed(1)}${unit}` : '–');
    const cpu = (i: number): string => text(mean(mine.map(({ cpuMs }) => (cpuMs[i] ?? 0) / seconds / 10)), ' %');
    const rate = (of: (counts: LoadCounts) => number): string =>
      text(mean(mine.map(({ counts }) => (counts ? of(counts) / counts.seconds : 0))), '');
    return [name, cpu(0), cpu(1), rate((c) => c.answers), rate((c) => c.messages), rate((c) => c.pictures)];
  };
  return [
    {
      title: `${CAMERAS.length} cameras with a worker each, ${FPS} frames per second: from decision to arrival, ms`,
      columns: ['', ...OUTLETS.flatMap((outlet) => [`${outlet}: p50`, 'p99', 'max', 'p99 above quiet', 'results/s'])],
      rows: ROWS.map(({ name, load }) => [name, ...OUTLETS.flatMap((outlet) => arrival(load, outlet))]),
      notes: [
        `${rounds} windows of ${seconds} s of each, by turns in one node; a result belongs to the window in which it was decided, however late it arrives; ±1 ms`,
        `aim: p99 at most ${AIM_MS} ms above quiet; missed by: ${late.map(({ name }) => name).join(', ') || 'none'}`,
      ],
    },
    {
      title: 'What the load received, and the CPU of the node',
      columns: ['', 'supervisor', 'api process', 'requests answered/s', 'messages of streams/s', 'pictures/s'],
      rows: ROWS.map(cost),
      notes: [
        'CPU of one core; cameras, node, broker, load and this benchmark share the cores; –: this node has no such process',
      ],
    },
  ];
}

process.exitCode = await runBenchmark('door', readOptions, async (run, options) => {
  process.stdout.write(`${headerLines().join(options.markdown ? '  \n' : '\n')}\n\n`);
  for (const table of tablesOf(await measure(run, options.rounds), options))
    process.stdout.write(`${options.markdown ? asMarkdown(table) : asText(table)}\n`);
  return true;
});
