// `npm run bench -- streams`: what 200 clients of the streams cost a node with eight cameras, without and with them by
// turns in one running node (docs/reference/benchmarks.md).
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { createClient } from '@vigia/client';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { freePort } from './support/free-port.ts';
import { ms, quantile } from './support/numbers.ts';
import { threadsCpuMs } from './support/processes.ts';
import { socketSender } from './support/runtime-internals.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { VigiaNode } from './support/vigia-node.ts';
import { memoryOf } from './soak/memory.ts';
import { type ClientCounts, StreamClients } from './streams/stream-clients.ts';
import { type WindowOptions, windowOptions } from './support/window-options.ts';

const BRIGHT = fileURLToPath(new URL('../../examples/workers/brightness.mjs', import.meta.url));
const CAMERAS = Array.from({ length: 8 }, (_, i) => `c${i + 1}`);
const FPS = 5;
const CLIENTS = 200;
/** Of the clients: they never read. */
const DEAF = 20;
/** After clients have connected or gone, before a window. Milliseconds. */
const SETTLE_MS = 2_000;
const DISCONNECTED = /stream of .* was disconnected/;

interface Window {
  readonly clients: number;
  /** Of results, milliseconds. */
  readonly ages: readonly number[];
  /** From the decision in the camera process until this process has read the line of it, milliseconds. */
  readonly untilRead: readonly number[];
  readonly cpuMs: number;
  /** Anonymous memory of the supervisor at the end, bytes. */
  readonly bytes: number;
  readonly counts: ClientCounts | undefined;
}

const USUAL = { seconds: 60, rounds: 2, leastSeconds: 2 };
const readOptions = (args: string[]): WindowOptions => windowOptions(args, USUAL);

/** The log of a node, as far as this measurement reads it. */
class LogCount {
  disconnected = 0;
  readonly hear = (text: string): void => {
    for (const line of text.split('\n')) if (DISCONNECTED.test(line)) this.disconnected += 1;
  };
}

async function startNode(run: BenchRun, port: number, log: LogCount): Promise<VigiaNode> {
  const camera = await CameraFork.start(run, { fps: FPS });
  const sources = Object.fromEntries(CAMERAS.map((id) => [id, camera.url]));
  const workers = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
  const top = `http: { listen: "127.0.0.1:${port}" }\n${workers}`;
  const node = VigiaNode.start(run, sources, '{ light: { worker: bright } }', '', {
    models: '',
    top,
    onText: log.hear,
  });
  await node.okResults(CAMERAS, FPS);
  return node;
}

async function windowOf(run: BenchRun, node: VigiaNode, clients: StreamClients | undefined): Promise<Window> {
  await sleep(systemClock, SETTLE_MS, run.signal);
  const from = node.lines.length;
  const before = threadsCpuMs(node.pid);
  await sleep(systemClock, run.seconds * 1000, run.signal);
  const results = node.results(from);
  const offsetMs = Math.min(...results.map(({ atMs, result }) => atMs - decidedMs(result)));
  return {
    clients: clients ? CLIENTS : 0,
    ages: results.map(({ result }) => result.age_ms),
    untilRead: results.map(({ atMs, result }) => atMs - decidedMs(result) - offsetMs),
    cpuMs: threadsCpuMs(node.pid) - before,
    bytes: memoryOf(node.pid).rssAnon,
    counts: await clients?.counts(),
  };
}

/** When a result was decided, wall milliseconds. */
function decidedMs({ captured_at, age_ms }: { readonly captured_at: string; readonly age_ms: number }): number {
  return Date.parse(captured_at) + age_ms;
}

async function measure(run: BenchRun, rounds: number): Promise<{ windows: Window[]; disconnected: number }> {
  const port = await freePort();
  const log = new LogCount();
  const node = await startNode(run, port, log);
  const api = createClient({ send: socketSender(join(node.runDir, 'control.sock')) });
  const windows: Window[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    windows.push(await windowOf(run, node, undefined));
    const clients = await StreamClients.start(run, { port, clients: CLIENTS, deaf: DEAF });
    windows.push(await windowOf(run, node, clients));
    await clients.close();
    await api.health().catch(() => undefined);
    run.progress(`round ${round}: ${log.disconnected} clients were disconnected`);
  }
  windows.push(await windowOf(run, node, undefined));
  return { windows, disconnected: log.disconnected };
}

function rowOf({ clients, ages, untilRead, cpuMs, bytes, counts }: Window, seconds: number): string[] {
  return [
    clients === 0 ? 'none' : `${clients}, ${DEAF} never read`,
    ms(quantile(ages, 0.5)),
    ms(quantile(ages, 0.99)),
    ms(quantile(untilRead, 0.5)),
    ms(quantile(untilRead, 0.99)),
    (ages.length / seconds).toFixed(1),
    `${(cpuMs / seconds / 10).toFixed(1)} %`,
    (bytes / 2 ** 20).toFixed(0),
    counts ? String(Math.round(counts.messages / counts.seconds)) : '–',
    counts ? String(counts.closed) : '–',
  ];
}

function tableOf(
  { windows, disconnected }: { windows: readonly Window[]; disconnected: number },
  seconds: number,
): Table {
  return {
    title: `${CAMERAS.length} cameras with a worker each, ${FPS} frames per second: without clients and with ${CLIENTS}`,
    columns: [
      'clients',
      'age ms: p50',
      'p99',
      'until read ms: p50',
      'p99',
      'results/s',
      'CPU of the supervisor',
      'memory MiB',
      'messages/s',
      'disconnected',
    ],
    rows: windows.map((window) => rowOf(window, seconds)),
    notes: [
      `windows of ${seconds} s one after another in one node, ${SETTLE_MS / 1000} s after a change each; half of the clients read Server-Sent Events, half a WebSocket, all of them everything, in one process`,
      'until read: from the decision in the camera process until this benchmark has read the line of `--json`, above the least of the window',
      `the log of the node reports ${disconnected} disconnected clients`,
      'memory: anonymous, of the supervisor, at the end of the window',
    ],
  };
}

process.exitCode = await runBenchmark('streams', readOptions, async (run, { rounds, seconds, markdown }) => {
  process.stdout.write(`${headerLines().join(markdown ? '  \n' : '\n')}\n\n`);
  const table = tableOf(await measure(run, rounds), seconds);
  process.stdout.write(`${markdown ? asMarkdown(table) : asText(table)}\n`);
  return true;
});
