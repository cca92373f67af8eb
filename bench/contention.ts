// `npm run bench -- contention`: a critical detector beside a best-effort worker that takes every CPU it can get
// (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '@vigia/base';
import { conservationErrors, type ResultMessage } from '@vigia/contracts';
import { type Aged, plotOf, type Series } from './support/age-plot.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { ms, quantile } from './support/numbers.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { type TimedResult, VigiaNode } from './support/vigia-node.ts';

const BUSY = fileURLToPath(new URL('../contention/busy.py', import.meta.url));
const SDK = fileURLToPath(new URL('../../sdk/python', import.meta.url));
const FPS = 10;
const GATE = 5;
/** The worker is busy from here to there, as shares of a run. */
const LOAD = { from: 1 / 6, to: 2 / 3 } as const;
/** From the beginning of the load to where it is judged: shedding needs a moment. Milliseconds. */
const SETTLED_MS = 5_000;

interface Variant {
  readonly name: string;
  readonly colour: string;
  readonly nice: boolean;
  readonly shed: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: 'neither', colour: '#c84a20', nice: false, shed: false },
  { name: 'shedding only', colour: '#7a5fc0', nice: false, shed: true },
  { name: 'nice only', colour: '#e0a040', nice: true, shed: false },
  { name: 'nice and shedding', colour: '#0b5fa5', nice: true, shed: true },
];

interface Outcome {
  readonly variant: Variant;
  readonly ages: readonly Aged[];
  /** Of the critical consumer, from the beginning of the load to its end. */
  readonly first: Judged;
  readonly settled: Judged;
  readonly calm: Judged;
  /** Frames of the busy one per second, while it was busy. */
  readonly busyFps: number;
  /** From the beginning of the load to the first slowing, and to the last giving back after it; undefined without. */
  readonly slowedMs: number | undefined;
  readonly restoredMs: number | undefined;
  readonly broken: readonly string[];
}

interface Judged {
  readonly ok: number;
  readonly turns: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Options {
  readonly seconds: number;
  readonly plot: string | undefined;
  readonly markdown: boolean;
}

const OPTIONS = { seconds: { type: 'string' }, plot: { type: 'string' }, markdown: { type: 'boolean' } } as const;

/** Throws a sentence for whoever typed it. */
function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, options: OPTIONS });
  const seconds = Number(values.seconds ?? 60);
  if (!Number.isInteger(seconds) || seconds < 30 || seconds > 600)
    throw new Error(`--seconds: found "${values.seconds}", allowed are 30 to 600`);
  return { seconds, plot: values.plot, markdown: values.markdown === true };
}

async function measure(run: BenchRun, variant: Variant): Promise<Outcome> {
  const { signal, scope, seconds } = run;
  const dir = mkdtempSync(join(tmpdir(), 'vigia-contention-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const flag = join(dir, 'busy');
  const camera = await CameraFork.start(run, { fps: FPS });
  const node = VigiaNode.start(run, { hall: camera.url }, CONSUMERS, '', { top: topOf(variant, flag) });
  const ofAll = (): boolean => ['people', 'scene'].every((id) => resultsOf(node, id).length > GATE * 2);
  await node.until('results of both', () => ofAll() || undefined, 60_000);
  const beganMs = systemClock.nowMs();
  await sleep(systemClock, seconds * LOAD.from * 1000, signal);
  const loadMs = systemClock.nowMs();
  writeFileSync(flag, '');
  await sleep(systemClock, seconds * (LOAD.to - LOAD.from) * 1000, signal);
  rmSync(flag);
  const calmMs = systemClock.nowMs();
  await sleep(systemClock, seconds * (1 - LOAD.to) * 1000, signal);
  const endMs = systemClock.nowMs();
  const people = resultsOf(node, 'people');
  const busy = resultsOf(node, 'scene').filter(({ result }) => (result.data as { busy?: boolean } | undefined)?.busy);
  const told = node.lines.flatMap(({ atMs, line }) =>
    line.type === 'event' && line.consumer === 'scene' ? [{ atMs, ...line }] : [],
  );
  const report = await node.finish();
  await camera.close();
  return {
    variant,
    ages: people.flatMap(({ atMs, result }) =>
      result.status === 'ok' ? [{ atMs: atMs - beganMs, ageMs: result.age_ms }] : [],
    ),
    calm: judged(people, beganMs, loadMs),
    first: judged(people, loadMs, loadMs + SETTLED_MS),
    settled: judged(people, loadMs + SETTLED_MS, calmMs),
    busyFps: (busy.length * 1000) / (calmMs - loadMs),
    slowedMs: since(told.find((e) => e.event === 'slowed')?.atMs, loadMs),
    restoredMs: since(told.findLast((e) => e.event === 'restored' && e.atMs < endMs)?.atMs, calmMs),
    broken: conservationErrors(report),
  };
}

const CONSUMERS = `{ people: { model: ssdlite, fps: ${GATE}, sla: critical }, scene: { worker: busy, sla: best-effort, deadline_ms: 30000 } }`;

function topOf({ nice, shed }: Variant, flag: string): string {
  const classes = nice ? '' : 'high: { nice: 0 }, normal: { nice: 0 }, best-effort: { nice: 0 }, ';
  return `workers:
  busy:
    command: [/usr/bin/python3, ${BUSY}]
    env: { PYTHONPATH: ${SDK} }
    options: { while: ${flag} }
    hang_timeout_ms: 60000
    input: { format: GRAY8, width: 64, height: 48 }
cpu: { ${classes}shed: ${shed} }
`;
}

function resultsOf(node: VigiaNode, consumer: string): TimedResult[] {
  return node.results().filter(({ result }) => result.consumer === consumer);
}

/** Results by when their picture was seen; a turn is a fifth of a second. */
function judged(results: readonly TimedResult[], fromMs: number, toMs: number): Judged {
  const seenMs = ({ atMs, result }: { readonly atMs: number; readonly result: ResultMessage }): number =>
    atMs - result.age_ms;
  const ages = results
    .filter((r) => r.result.status === 'ok' && seenMs(r) >= fromMs && seenMs(r) < toMs)
    .map((r) => r.result.age_ms);
  return {
    ok: ages.length,
    turns: Math.floor(((toMs - fromMs) / 1000) * GATE),
    p50: quantile(ages, 0.5),
    p99: quantile(ages, 0.99),
    max: Math.max(...ages),
  };
}

function since(atMs: number | undefined, fromMs: number): number | undefined {
  return atMs === undefined ? undefined : atMs - fromMs;
}

function tableOf(outcomes: readonly Outcome[], seconds: number): Table {
  const cells = ({ ok, turns, p50, p99, max }: Judged): string[] => [
    `${Math.max(0, (1 - ok / turns) * 100).toFixed(1)} %`,
    `${ms(p50)} / ${ms(p99)} / ${ms(max)}`,
  ];
  const secondsText = (value: number | undefined): string => (value === undefined ? '–' : (value / 1000).toFixed(1));
  return {
    title: 'A critical detector (5 frames a second) beside a best-effort worker that takes every CPU',
    columns: [
      '',
      'calm: p50 / p99 / max, ms',
      'first 5 s: dropped',
      'p50 / p99 / max',
      'then: dropped',
      'p50 / p99 / max',
      'the busy one, frames/s',
      'slowed after, s',
      'restored after, s',
    ],
    rows: outcomes.map((o) => [
      o.variant.name,
      cells(o.calm)[1] ?? '',
      ...cells(o.first),
      ...cells(o.settled),
      o.busyFps.toFixed(2),
      secondsText(o.slowedMs),
      secondsText(o.restoredMs),
    ]),
    notes: [
      `runs of ${seconds} s; the worker is busy from ${seconds * LOAD.from} to ${seconds * LOAD.to} s: more than a second of CPU per frame, in eight processes`,
      `camera ${FPS} fps 768×576, SSDLite 300×300 on 1 thread; camera, node, model and worker share the cores`,
      'dropped: turns (5 a second) without an ok result. Restored: from the end of the load until the last step back',
      outcomes.every((o) => o.broken.length === 0)
        ? 'every frame is accounted for'
        : `NOT ACCOUNTED FOR: ${outcomes.flatMap((o) => o.broken).join('; ')}`,
    ],
  };
}

process.exitCode = await runBenchmark('contention', readOptions, async (run, { seconds, plot, markdown }) => {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
  const outcomes: Outcome[] = [];
  for (const variant of VARIANTS) {
    run.progress(variant.name);
    outcomes.push(await measure(run, variant));
  }
  const table = tableOf(outcomes, seconds);
  write(markdown ? asMarkdown(table) : asText(table));
  if (plot !== undefined) {
    const series = outcomes.map(({ variant, ages }): Series => ({ name: variant.name, colour: variant.colour, ages }));
    const span = { fromS: seconds * LOAD.from, toS: seconds * LOAD.to, name: 'the best-effort worker is busy' };
    writeFileSync(plot, plotOf(series, seconds, 'A critical detector beside a worker that takes every CPU', [span]));
    run.progress(`${plot} written`);
  }
  return outcomes.every((o) => o.broken.length === 0);
});
