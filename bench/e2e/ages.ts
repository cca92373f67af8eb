import type { Hops } from '@vigia/contracts';
import type { BenchRun } from '../support/bench-run.ts';
import { countsText, mean, ms, quantile, quantileCells } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import { addAgeRound, type AgeSamples, newAgeSamples, type ProcessUsage } from './age-run.ts';

const CAMERAS = [1, 4] as const;
const FPS = 10;
/**
 * One and four cameras alternate, see `ROUNDS` of the transit. In each round, the four cameras send at other offsets,
 * on which their ages depend.
 */
const ROUNDS = 4;

const HOPS: readonly { readonly name: string; readonly of: (hops: Hops) => number | null }[] = [
  { name: 'decode', of: (h) => h.decoded },
  { name: 'wait for a place in the model', of: (h) => h.taken - h.decoded },
  { name: 'scale into shared memory', of: (h) => minus(h.rendered, h.taken) },
  { name: 'send the request', of: (h) => minus(h.sent, h.rendered) },
  { name: 'model container, there and back', of: (h) => minus(h.received, h.sent) },
  { name: 'map back, decide', of: (h) => minus(h.decided, h.received) },
];

const USAGE: readonly { readonly kind: ProcessUsage['kind']; readonly name: string }[] = [
  { kind: 'supervisor', name: 'supervisor' },
  { kind: 'camera', name: 'camera process (each)' },
  { kind: 'container', name: 'model container' },
  { kind: 'simulated camera', name: 'not ours: simulated camera (each)' },
  { kind: 'benchmark', name: 'not ours: this benchmark' },
  { kind: 'others', name: 'not ours: rest of the machine' },
  { kind: 'stolen', name: 'not ours: taken by the hypervisor' },
];

/** Measures the age of results, and its cost, with 1 and with 4 cameras on one model. */
export async function measureAges(run: BenchRun): Promise<Table[]> {
  const { seconds, progress } = run;
  progress(`age with ${CAMERAS.join(' and ')} cameras at ${FPS} fps, ${ROUNDS} rounds of ${seconds / ROUNDS} s each`);
  const samples = CAMERAS.map(newAgeSamples);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const each of samples) await addAgeRound(run, seconds / ROUNDS, each);
  return [ageTable(samples), hopTable(samples), frameTable(samples), costTable(samples)];
}

function ageTable(samples: readonly AgeSamples[]): Table {
  return {
    title: `Age of ok results at ${FPS} fps per camera, one model container with 1 thread, ms`,
    columns: ['', 'p50', 'p95', 'p99', 'max', 'results'],
    rows: samples.flatMap((s) => [
      [`${camerasText(s)}: arrival → decided`, ...quantileCells(s.sinceArrival), String(s.sinceArrival.length)],
      [`${camerasText(s)}: sent → decided`, ...quantileCells(s.sinceSending), String(s.sinceSending.length)],
      [`${camerasText(s)}: sent → read by a program`, ...quantileCells(s.untilRead), String(s.untilRead.length)],
    ]),
    notes: samples
      .filter(({ cameras }) => cameras > 1)
      .map(
        ({ cameras, phases }) =>
          `when in their ${1000 / FPS} ms the ${cameras} cameras sent, ms after the first one, by round: ${phases.map((p) => p.join(', ')).join('; ')}`,
      ),
  };
}

function hopTable(samples: readonly AgeSamples[]): Table {
  const spread = (values: readonly number[]): string => `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 0.99))}`;
  const inference = ({ inferenceMs }: AgeSamples): string =>
    `${ms(mean(inferenceMs.map(({ p50 }) => p50)))} / ${ms(mean(inferenceMs.map(({ p99 }) => p99)))}`;
  return {
    title: 'Where the age comes from, ms p50 / p99',
    columns: columns(samples),
    rows: [
      ...HOPS.map((hop) => row(hop.name, samples, (s) => spread(s.hops.map(hop.of).filter((value) => value !== null)))),
      row('of the container: inference (since its start)', samples, inference),
    ],
  };
}

function frameTable(samples: readonly AgeSamples[]): Table {
  const rate = (perSecond: number, s: AgeSamples): string => (perSecond / s.cameras).toFixed(2);
  return {
    title: 'Frames in the measured windows',
    columns: columns(samples),
    rows: [
      row('captured per second and camera', samples, (s) => rate(s.captured / s.reportedS, s)),
      row('ok results per second and camera', samples, (s) => rate(s.sinceArrival.length / s.measuredS, s)),
      row('results not ok', samples, (s) => countsText(s.notOk)),
      row('dropped', samples, (s) => countsText(s.dropped)),
      row('results without a known unit', samples, (s) => String(s.unlinked)),
      row('every frame accounted for', samples, (s) => (s.broken.length === 0 ? 'yes' : 'NO')),
    ],
    notes: samples.flatMap(({ broken }) => broken),
  };
}

function costTable(samples: readonly AgeSamples[]): Table {
  return {
    title: 'Cost: CPU in % of one core, PSS',
    columns: columns(samples),
    rows: USAGE.map(({ kind, name }) => row(name, samples, (s) => usageCell(s, kind))),
  };
}

function usageCell({ usage }: AgeSamples, kind: ProcessUsage['kind']): string {
  const some = usage.filter((each) => each.kind === kind);
  const cpu = `${(mean(some.map((each) => each.cpu)) * 100).toFixed(1)} %`;
  const pss = mean(some.map((each) => each.pssBytes));
  return Number.isNaN(pss) ? cpu : `${cpu}, ${(pss / 2 ** 20).toFixed(0)} MiB`;
}

function columns(samples: readonly AgeSamples[]): string[] {
  return ['', ...samples.map(camerasText)];
}

function row(name: string, samples: readonly AgeSamples[], cell: (samples: AgeSamples) => string): string[] {
  return [name, ...samples.map(cell)];
}

function camerasText({ cameras }: AgeSamples): string {
  return cameras === 1 ? '1 camera' : `${cameras} cameras`;
}

function minus(later: number | null, earlier: number | null): number | null {
  return later === null || earlier === null ? null : later - earlier;
}
