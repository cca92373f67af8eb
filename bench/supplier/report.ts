import { ms as digits, mean } from '../support/numbers.ts';
import type { Table } from '../support/table.ts';
import type { Outcome } from './rounds.ts';
import type { Comparison, Metric } from './variant.ts';

/** A comparison and its result. */
export interface Verdict {
  readonly variant: string;
  readonly title: string;
  readonly metric: Metric;
  readonly against: Comparison;
  readonly peerTitle: string;
  /** Our p50 divided by the peer's, by round; rounds without one of them are left out. */
  readonly ratios: readonly number[];
  /** Their median; NaN without any. */
  readonly ratio: number;
  /** Undefined without any ratio, or without an aim. */
  readonly met: boolean | undefined;
}

const METRIC_TEXT: Readonly<Record<Metric, string>> = {
  publish: 'the publish call',
  latency: 'publish → consumer',
  last: 'publish → last consumer',
};

/** All comparisons, in the order of the variants. */
export function judge(outcomes: readonly Outcome[]): Verdict[] {
  return outcomes.flatMap((outcome) =>
    outcome.variant.rows.flatMap(({ metric, against = [] }) =>
      against.map((one) => verdictOf(outcomes, outcome, metric, one)),
    ),
  );
}

/** p50 and p99 of everything measured, in microseconds. */
export function valuesTable(outcomes: readonly Outcome[], notes: readonly string[]): Table {
  return {
    title: 'From publisher to consumer, µs (medians over rounds)',
    columns: ['', 'p50', 'p99', 'p50 by round', 'frames/s', 'values'],
    rows: outcomes.flatMap((outcome) => outcome.variant.rows.map(({ metric }) => valuesRow(outcome, metric))),
    notes,
  };
}

/** Our p50 divided by those of the peers in the same rounds. */
export function comparisonTable(verdicts: readonly Verdict[]): Table {
  return {
    title: 'Ours divided by the peer’s, p50 of the same round (median over rounds)',
    columns: ['', 'peer', 'ratio', 'by round', 'aim', 'met'],
    rows: verdicts.map(({ title, metric, against, peerTitle, ratio, ratios, met }) => [
      `${title}: ${METRIC_TEXT[metric]}`,
      peerTitle,
      digits(ratio),
      range(ratios),
      against.most === undefined ? '–' : `≤ ${against.most}`,
      met === undefined ? '–' : met ? 'yes' : 'no',
    ]),
    notes: [summaryOf(verdicts)],
  };
}

function verdictOf(outcomes: readonly Outcome[], ours: Outcome, metric: Metric, against: Comparison): Verdict {
  const peer = outcomes.find(({ variant }) => variant.name === against.peer);
  const ratios = ours.samples.flatMap((sample, round) => {
    const [mine, theirs] = [sample?.quantiles[metric], peer?.samples[round]?.quantiles[against.metric]];
    return mine && theirs ? [mine.p50 / theirs.p50] : [];
  });
  const ratio = median(ratios);
  const { name, title } = ours.variant;
  const met = ratios.length === 0 || against.most === undefined ? undefined : ratio <= against.most;
  return { variant: name, title, metric, against, peerTitle: peer?.variant.title ?? against.peer, ratios, ratio, met };
}

function valuesRow({ variant, samples, absent }: Outcome, metric: Metric): string[] {
  const title = `${variant.title}: ${METRIC_TEXT[metric]}`;
  const values = samples.map((sample) => sample?.quantiles[metric]).filter((value) => value !== undefined);
  const p50s = values.map(({ p50 }) => p50 / 1000);
  const p99s = values.map(({ p99 }) => p99 / 1000);
  const rates = samples.flatMap((sample) => sample?.perSecond ?? []);
  return [
    absent === undefined ? title : `${title} (${absent})`,
    digits(median(p50s)),
    digits(median(p99s)),
    range(p50s),
    values.length === 0 ? '–' : mean(rates).toFixed(0),
    String(values.reduce((sum, { count }) => sum + count, 0)),
  ];
}

/** For an even count the mean of the two in the middle: rounds are few. NaN without any. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return mean(sorted.slice(Math.floor(middle), Math.floor(middle) + (sorted.length % 2 === 0 ? 2 : 1)));
}

function range(values: readonly number[]): string {
  return values.length === 0 ? '–' : `${digits(Math.min(...values))}–${digits(Math.max(...values))}`;
}

function summaryOf(verdicts: readonly Verdict[]): string {
  const named = (met: boolean | undefined): string =>
    verdicts
      .filter((verdict) => verdict.against.most !== undefined && verdict.met === met)
      .map(({ variant, metric, against }) => `${variant} ${metric} to ${against.peer}`)
      .join(', ') || 'none';
  return `aims met: ${named(true)}; missed: ${named(false)}; not measured: ${named(undefined)}`;
}
