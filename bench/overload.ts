// `npm run bench -- overload`: 8 cameras on one detector far beyond its capacity, compared with an ordinary queue
// (docs/reference/benchmarks.md).
import { writeFileSync } from 'node:fs';
import { CAMERAS, measureOurs, measureQueue, type Outcome } from './overload/load.ts';
import { plotOf, type Series } from './support/age-plot.ts';
import { type BenchRun, headerLines, runBenchmark } from './support/bench-run.ts';
import { ms, quantile } from './support/numbers.ts';
import { readPlotOptions } from './support/plot-options.ts';
import { asMarkdown, asText, type Table } from './support/table.ts';

/** Multiple of its capacity. */
const LOADS = [1, 2, 5, 20] as const;
const OURS = ['#0b5fa5', '#1a86d0', '#4aa8e0', '#86c8ee'];
const QUEUE = ['#f0a060', '#e57838', '#c84a20', '#8e2410'];
/** For measuring the capacity: twice the detector's rate, and cheap to decode. */
const CAPACITY_FPS = 10;
/** AD1: allowed in addition to the service time and one interval. Milliseconds. */
const SLACK_MS = 20;
/** Allowed deviation of a camera's share, %. */
const SHARE = 5;

interface Step {
  readonly load: number;
  readonly fps: number;
  readonly ours: Outcome;
  readonly queue: Outcome;
}

async function measure(run: BenchRun): Promise<{ readonly capacity: number; readonly steps: readonly Step[] }> {
  run.progress(`capacity: ${CAMERAS} cameras at ${CAPACITY_FPS} fps`);
  const capacity = (await measureOurs(run, CAPACITY_FPS)).answers / run.seconds;
  const steps: Step[] = [];
  for (const load of LOADS) {
    const fps = Math.round(((capacity * load) / CAMERAS) * 10) / 10;
    run.progress(`${load}×: ${CAMERAS} cameras at ${fps} fps onto ${capacity.toFixed(1)} pictures per second`);
    const ours = await measureOurs(run, fps);
    const queue = await measureQueue(run, fps);
    run.progress(`${load}×: ours ${agesText(ours)}, queue ${agesText(queue)}`);
    steps.push({ load, fps, ours, queue });
  }
  return { capacity, steps };
}

function agesText({ ages }: Outcome): string {
  const values = ages.map((a) => a.ageMs);
  return `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 0.99))}`;
}

/** p99 of the first and of the last quarter of the window. */
function drift({ ages }: Outcome, seconds: number): string {
  const quarter = (from: number): number =>
    quantile(
      ages.filter((a) => a.atMs >= from * 1000 && a.atMs < (from + seconds / 4) * 1000).map((a) => a.ageMs),
      0.99,
    );
  return `${ms(quarter(0))} → ${ms(quarter((seconds * 3) / 4))}`;
}

/** Deviation of the cameras with the least and the most results from an equal share, %. */
function offShare({ perCamera, answers }: Outcome): readonly [number, number] {
  const equal = answers / CAMERAS;
  const off = perCamera.map((count) => (count / equal - 1) * 100);
  return [Math.min(...off), Math.max(...off)];
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;
}

function bound({ fps, ours }: Step): number {
  return (ours.serviceMs ?? 0) + 1000 / fps + SLACK_MS + (ours.decodeMs ?? 0);
}

/** The missed aims of a step, a sentence each. */
function missed(step: Step): string[] {
  const p99 = quantile(
    step.ours.ages.map((a) => a.ageMs),
    0.99,
  );
  const [least, most] = offShare(step.ours);
  return [
    ...(p99 > bound(step) ? [`${step.load}×: p99 ${ms(p99)} ms is above its bound of ${ms(bound(step))} ms`] : []),
    ...(least < -SHARE || most > SHARE ? [`${step.load}×: shares differ by more than ${SHARE} %`] : []),
  ];
}

function tableOf(capacity: number, steps: readonly Step[], seconds: number): Table {
  return {
    title: `${CAMERAS} cameras onto one detector (${capacity.toFixed(1)} pictures per second): age p50 / p99, ms`,
    columns: [
      'load',
      'fps each',
      'vigia',
      'bound of p99',
      'p99, first → last quarter',
      'share',
      'answers/s',
      'not ok',
      'a queue',
      'its answers/s',
    ],
    rows: steps.map((step) => [
      `${step.load}×`,
      step.fps.toFixed(1),
      agesText(step.ours),
      ms(bound(step)),
      drift(step.ours, seconds),
      offShare(step.ours).map(signed).join(' to ') + ' %',
      (step.ours.answers / seconds).toFixed(1),
      String(step.ours.others),
      agesText(step.queue),
      (step.queue.answers / seconds).toFixed(1),
    ]),
    notes: [
      `windows of ${seconds} s; sources 320×240 H.264, SSDLite 300×300 on 1 thread; camera, node and model share the cores`,
      'bound: p99 of the inference + one interval of the source + 20 ms + p99 of arrival to picture (AD1)',
      'a queue: the same capture, scaling and container, and one first-in-first-out queue of up to 256 pictures per camera in front of the model',
      `aims missed: ${steps.flatMap(missed).join('; ') || 'none'} (p99 within its bound, every camera within ${SHARE} % of an equal share)`,
      steps.every((s) => s.ours.broken.length === 0)
        ? 'every frame of vigia’s runs is accounted for'
        : `NOT ACCOUNTED FOR: ${steps.flatMap((s) => s.ours.broken).join('; ')}`,
    ],
  };
}

process.exitCode = await runBenchmark(
  'overload',
  (args) => readPlotOptions(args, 20, 5),
  async (run, { seconds, plot, markdown }) => {
    const write = (text: string): void => void process.stdout.write(`${text}\n`);
    write(`${headerLines().join(markdown ? '  \n' : '\n')}\n`);
    const { capacity, steps } = await measure(run);
    const table = tableOf(capacity, steps, seconds);
    write(markdown ? asMarkdown(table) : asText(table));
    if (plot !== undefined) {
      const series = steps.flatMap(({ load, ours, queue }, i): Series[] => [
        { name: `vigia, ${load}×`, colour: OURS[i] ?? '#000000', ages: ours.ages },
        { name: `a queue, ${load}×`, colour: QUEUE[i] ?? '#000000', ages: queue.ages },
      ]);
      writeFileSync(
        plot,
        plotOf(series, seconds, `${CAMERAS} cameras onto one detector, at 1 to 20 times its capacity`),
      );
    }
    return steps.every((s) => s.ours.broken.length === 0);
  },
);
