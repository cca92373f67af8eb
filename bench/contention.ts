// `npm run bench -- contention`: a critical detector beside four best-effort workers that take all CPU
// (docs/reference/benchmarks.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '@vigia/base';
import { conservationErrors, type ResultMessage } from '@vigia/contracts';
import { type Aged, plotOf, type Series } from './support/age-plot.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { CameraFork } from './support/camera-fork.ts';
import { ms, quantile } from './support/numbers.ts';
import { readPlotOptions } from './support/plot-options.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';
import { type TimedResult, VigiaNode } from './support/vigia-node.ts';

const BUSY = fileURLToPath(new URL('../contention/busy.py', import.meta.url));
const SDK = fileURLToPath(new URL('../../sdk/python', import.meta.url));
const FPS = 10;
const GATE = 5;
/**
 * The busy workers. Each has its own session, and Linux shares CPU fairly between sessions before processes: a single
 * one would hardly disturb, with any number of processes.
 */
const BUSY_ONES = ['scene1', 'scene2', 'scene3', 'scene4'] as const;
/** Limits of the verdict: by default a critical detector notices the others and loses nothing. */
const PROMISE = { variant: 'nice and shedding', timesCalm: 3 } as const;
/** Load interval, as fractions of a run. */
const LOAD = { from: 1 / 6, to: 2 / 3 } as const;
/** From the start of the load to the start of the verdict: shedding needs a moment. Milliseconds. */
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
  /** Of the critical consumer, from the start of the load to its end. */
  readonly first: Judged;
  readonly settled: Judged;
  readonly calm: Judged;
  /** Frames per second of all busy workers together, during the load. */
  readonly busyFps: number;
  /** From the start of the load to the first slowing, and from its end to the last restoring; undefined without. */
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

async function measure(run: BenchRun, variant: Variant): Promise<Outcome> {
  const { signal, scope, seconds } = run;
  const dir = mkdtempSync(join(tmpdir(), 'vigia-contention-'));
  scope.defer(() => rmSync(dir, { recursive: true, force: true }));
  const flag = join(dir, 'busy');
  const camera = await CameraFork.start(run, { fps: FPS });
  const node = VigiaNode.start(run, { hall: camera.url }, CONSUMERS, '', { top: topOf(variant, flag) });
  const ofAll = (): boolean => ['people', ...BUSY_ONES].every((id) => resultsOf(node, id).length > GATE * 2);
  await node.until('results of all', () => ofAll() || undefined, 60_000);
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
  const busy = BUSY_ONES.flatMap((id) => resultsOf(node, id)).filter(
    ({ result }) => (result.data as { busy?: boolean } | undefined)?.busy,
  );
  const told = node.lines.flatMap(({ atMs, line }) =>
    line.type === 'event' && BUSY_ONES.some((id) => id === line.consumer) ? [{ atMs, ...line }] : [],
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

const CONSUMERS = `{ people: { model: ssdlite, fps: ${GATE}, sla: critical }, ${BUSY_ONES.map(
  (id) => `${id}: { worker: busy, sla: best-effort, deadline_ms: 30000 }`,
).join(', ')} }`;

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

/** Results by capture time of their frame; a turn is a fifth of a second. */
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

/** @returns the broken promises, a sentence each. */
function notKept(outcomes: readonly Outcome[]): string[] {
  const promised = outcomes.find(({ variant }) => variant.name === PROMISE.variant);
  if (!promised) return [`${PROMISE.variant}: not measured`];
  const { calm, settled } = promised;
  const sentences: string[] = [];
  if (dropped(settled) > 0)
    sentences.push(`${PROMISE.variant}: ${percent(dropped(settled))} dropped after the first 5 s, none may be`);
  // NaN without any result.
  if (!(settled.p99 <= PROMISE.timesCalm * calm.p99))
    sentences.push(
      `${PROMISE.variant}: p99 ${ms(settled.p99)} ms after the first 5 s, calm ${ms(calm.p99)} ms; at most ${PROMISE.timesCalm} × that is right`,
    );
  return sentences;
}

/** One missing turn at the edges is no drop, like in the SLA: this process reads results, and may be late itself. */
function dropped({ ok, turns }: Judged): number {
  return Math.max(0, turns - ok - 1) / turns;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function promiseText(outcomes: readonly Outcome[]): string {
  const promised = outcomes.find(({ variant }) => variant.name === PROMISE.variant);
  const found = promised
    ? `${percent(dropped(promised.settled))}, p99 ${ms(promised.settled.p99)} ms and ${ms(promised.calm.p99)} ms calm`
    : 'not measured';
  return `judged, of "${PROMISE.variant}" after the first 5 s: nothing dropped, and p99 at most ${PROMISE.timesCalm} × that of calm (found ${found})`;
}

function tableOf(outcomes: readonly Outcome[], seconds: number): Table {
  const cells = (part: Judged): string[] => [
    percent(dropped(part)),
    `${ms(part.p50)} / ${ms(part.p99)} / ${ms(part.max)}`,
  ];
  const secondsText = (value: number | undefined): string => (value === undefined ? '–' : (value / 1000).toFixed(1));
  return {
    title: 'A critical detector (5 frames a second) beside four best-effort workers that take every CPU',
    columns: [
      '',
      'calm: p50 / p99 / max, ms',
      'first 5 s: dropped',
      'p50 / p99 / max',
      'then: dropped',
      'p50 / p99 / max',
      'the busy ones together, frames/s',
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
      `runs of ${seconds} s; the workers are busy from ${seconds * LOAD.from} to ${seconds * LOAD.to} s: each two processes with about 0.2 s of CPU per frame`,
      'each worker is a session of its own, and Linux shares CPU fairly between sessions (autogroup): four take four shares, eight processes of one would take one',
      `camera ${FPS} fps 768×576, SSDLite 300×300 on 1 thread; camera, node, model and workers share the cores`,
      'dropped: turns (5 a second) without an ok result, less one at the edges. Slowed, restored: the first step of any of them, and from the end of the load the last step back',
      promiseText(outcomes),
      outcomes.every((o) => o.broken.length === 0)
        ? 'every frame is accounted for'
        : `NOT ACCOUNTED FOR: ${outcomes.flatMap((o) => o.broken).join('; ')}`,
    ],
  };
}

process.exitCode = await runBenchmark(
  'contention',
  (args) => readPlotOptions(args, 60, 30),
  async (run, { seconds, plot, markdown }) => {
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
      const series = outcomes.map(
        ({ variant, ages }): Series => ({ name: variant.name, colour: variant.colour, ages }),
      );
      const span = { fromS: seconds * LOAD.from, toS: seconds * LOAD.to, name: 'the best-effort workers are busy' };
      writeFileSync(
        plot,
        plotOf(series, seconds, 'A critical detector beside four workers that take every CPU', {
          spans: [span],
          mostMs: 1_000,
        }),
      );
      run.progress(`${plot} written`);
    }
    const failures = notKept(outcomes);
    for (const failure of failures) process.stderr.write(`vigia: bench contention: ${failure}\n`);
    return failures.length === 0 && outcomes.every((o) => o.broken.length === 0);
  },
);
