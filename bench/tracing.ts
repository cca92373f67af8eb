// `npm run bench -- tracing`: what traces cost a node, off and on by turns in one running node
// (docs/reference/benchmarks.md).
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createLog, sleep, systemClock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { ms, quantile } from './support/numbers.ts';
import { pssBytes, threadsCpuMs } from './support/processes.ts';
import { Tracer } from './support/runtime-internals.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const BRIGHT = fileURLToPath(new URL('../../examples/workers/brightness.mjs', import.meta.url));
const CAMERAS = ['c1', 'c2'] as const;
/** Frames per second of each camera, and consumers that each of them has. */
const FPS = 30;
const CONSUMERS = 2;
/** After a reload, before a window. Milliseconds. */
const SETTLE_MS = 500;
/** With traces on, before the first window. Milliseconds. */
const WARM_UP_MS = 8_000;

/** Each with the share of frames that is traced; undefined: traces are off. `off again` shows what chance does. */
const VARIANTS = [
  { name: 'off', sample: undefined },
  { name: 'on, sample 0.01', sample: 0.01 },
  { name: 'on, sample 1', sample: 1 },
  { name: 'off again', sample: undefined },
] as const;

interface Window {
  readonly variant: string;
  /** Of the supervisor, milliseconds. */
  readonly cpuMs: number;
  readonly ages: readonly number[];
  readonly pssBytes: number;
}

interface Measured {
  readonly windows: readonly Window[];
  /** Received by the collector. */
  readonly bytes: number;
  /** The tracer's time for a result that is not sampled, nanoseconds. */
  readonly skippedNs: number;
}

const USUAL = { seconds: 3, rounds: 3, leastSeconds: 1 };
const readOptions = (args: string[]): WindowOptions => windowOptions(args, USUAL);

/** A collector that reads and accepts everything, in this process. */
class CountingCollector {
  bytes = 0;
  readonly #server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
    request.on('end', () => response.end('{}'));
  });

  static async start(run: BenchRun): Promise<CountingCollector> {
    const collector = new CountingCollector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    run.scope.defer(() => new Promise((resolve) => collector.#server.close(() => resolve())));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }
}

const WORKERS = `workers:
  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }
`;

function topOf(sample: number | undefined, url: string): string {
  if (sample === undefined) return WORKERS;
  return `${WORKERS}tracing: { url: "${url}", sample: ${sample}, per_second: 1000 }\n`;
}

async function startNode(run: BenchRun): Promise<VigiaNode> {
  const cameras: Record<string, string> = {};
  for (const id of CAMERAS) cameras[id] = (await CameraFork.start(run, { fps: FPS })).url;
  const consumers = Array.from({ length: CONSUMERS }, (_, i) => `w${i}: { worker: bright }`).join(', ');
  const node = VigiaNode.start(run, cameras, `{ ${consumers} }`, '', { models: '', top: WORKERS });
  await node.okResults(CAMERAS, FPS * CONSUMERS);
  return node;
}

async function measure(run: BenchRun, rounds: number): Promise<Measured> {
  const collector = await CountingCollector.start(run);
  const node = await startNode(run);
  const windows: Window[] = [];
  // The code of both ways is compiled before the first window.
  await node.reloadWith(topOf(1, collector.url));
  await sleep(systemClock, WARM_UP_MS, run.signal);
  for (let round = 1; round <= rounds; round += 1)
    for (const { name, sample } of VARIANTS) {
      await node.reloadWith(topOf(sample, collector.url));
      await sleep(systemClock, SETTLE_MS, run.signal);
      windows.push(await windowOf(run, node, name));
      run.progress(`round ${round}, ${name}: ${cpuPerResult(windows.slice(-1)).toFixed(3)} ms per result`);
    }
  const [first] = node.results();
  const skippedNs = first ? await notSampledNs(first.result) : Number.NaN;
  return { windows, bytes: collector.bytes, skippedNs };
}

async function windowOf({ signal, seconds }: BenchRun, node: VigiaNode, variant: string): Promise<Window> {
  const from = node.lines.length;
  const before = threadsCpuMs(node.pid);
  await sleep(systemClock, seconds * 1000, signal);
  const cpuMs = threadsCpuMs(node.pid) - before;
  const ages = node.results(from).map(({ result }) => result.age_ms);
  return { variant, cpuMs, ages, pssBytes: pssBytes(node.pid) };
}

/** What the tracer does for a result that is not sampled: nanoseconds, the least of ten rounds. */
async function notSampledNs(result: ResultMessage): Promise<number> {
  const { node, boot } = result;
  const log = createLog('bench', () => undefined);
  const settings = { url: 'http://127.0.0.1:1/', headers: {}, node, boot, version: '', sample: 0, perSecond: 1 };
  const tracer = new Tracer({ ...settings, clock: systemClock, log });
  const rounds = Array.from({ length: 10 }, () => {
    const before = systemClock.nowMs();
    for (let n = 0; n < 1e6; n += 1) tracer.take(result);
    return systemClock.nowMs() - before;
  });
  await tracer.close();
  return Math.min(...rounds);
}

/** Milliseconds, the median of the windows. */
function cpuPerResult(windows: readonly Window[]): number {
  return quantile(
    windows.map(({ cpuMs, ages }) => cpuMs / ages.length),
    0.5,
  );
}

function rowOf(name: string, windows: readonly Window[], seconds: number): string[] {
  const mine = windows.filter(({ variant }) => variant === name);
  const ages = mine.flatMap((window) => window.ages);
  const perRound = mine.map((window) => cpuPerResult([window]));
  return [
    name,
    cpuPerResult(mine).toFixed(3),
    `${Math.min(...perRound).toFixed(3)}–${Math.max(...perRound).toFixed(3)}`,
    ms(quantile(ages, 0.5)),
    ms(quantile(ages, 0.99)),
    (ages.length / mine.length / seconds).toFixed(0),
    (Math.max(...mine.map((window) => window.pssBytes)) / 2 ** 20).toFixed(0),
  ];
}

function tableOf({ windows, bytes, skippedNs }: Measured, seconds: number): Table {
  const cpu = (name: string): number => cpuPerResult(windows.filter(({ variant }) => variant === name));
  const off = cpu('off');
  const chance = Math.abs(cpu('off again') - off);
  return {
    title: `${CAMERAS.length} cameras with ${CONSUMERS} consumers each, ${FPS} frames per second: traces off and on`,
    columns: ['traces', 'CPU ms/result', 'by round', 'age ms: p50', 'p99', 'results/s', 'PSS MiB, most'],
    rows: VARIANTS.map(({ name }) => rowOf(name, windows, seconds)),
    notes: [
      `windows of ${seconds} s by turns in one node, ${SETTLE_MS / 1000} s after a reload each; CPU of all threads of the supervisor, which also writes each result as a line of JSON`,
      `medians of the rounds, above off: ${(1000 * (cpu('on, sample 0.01') - off)).toFixed(0)} µs per result with a share of 0.01, ${(1000 * (cpu('on, sample 1') - off)).toFixed(0)} µs with all; off and off again differ by ${(1000 * chance).toFixed(0)} µs`,
      `a result that is not sampled: ${skippedNs.toFixed(0)} ns in the tracer (the least of ten rounds of a million)`,
      `the collector received ${(bytes / 2 ** 20).toFixed(1)} MiB`,
    ],
  };
}

process.exitCode = await runBenchmark('tracing', readOptions, async (run, { rounds, seconds, markdown }) => {
  process.stdout.write(`${headerLines().join(markdown ? '  \n' : '\n')}\n\n`);
  const measured = await measure(run, rounds);
  const table = tableOf(measured, seconds);
  process.stdout.write(`${markdown ? asMarkdown(table) : asText(table)}\n`);
  return measured.bytes > 0;
});
