import type { Report } from '@vigia/contracts';
import type { SubscriptionReport } from '#core/event-hub';
import type { TraceCounts } from '#services/tracing';
import type { Histogram } from './histogram.ts';
import type { ConsumerCounts } from './metric-counts.ts';
import type { RecordingSources } from './recording-sources.ts';

/** What the metrics are computed from. */
export interface MetricSources extends RecordingSources {
  readonly report: Report;
  /** The consumers of the plan. The report's consumers that are not among them have no series. */
  readonly consumers: readonly ConsumerCounts[];
  /** The subscribers of the node's stream, by name. */
  readonly subscribers: Readonly<Record<string, SubscriptionReport>>;
  /** Null while traces are off. */
  readonly traces: TraceCounts | null;
  /** The version of vigia. */
  readonly version: string;
  /** The version of Node.js. */
  readonly nodejs: string;
}

/** A value, followed by the value of each label of its metric. */
export type Sample = readonly [value: number | Histogram, ...labels: string[]];

/** One metric family of OpenMetrics. */
export interface Metric {
  /** Without the suffix of its samples, see {@link SUFFIXES}. A name that ends in `_seconds` or `_bytes` has that unit. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info' | 'summary';
  /** One line of text. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Its current samples, those of equal labels next to each other. */
  readonly samples: (sources: MetricSources) => readonly Sample[];
}

/** What OpenMetrics appends to the name of a metric in its samples. Those of a histogram have several. */
export const SUFFIXES: Readonly<Record<Metric['type'], string>> = {
  counter: '_total',
  gauge: '',
  histogram: '',
  info: '_info',
  summary: '',
};

/** One sample per state: 1 for the current one, 0 for the others. */
export function statesOf(all: readonly string[], current: string, ...labels: string[]): Sample[] {
  return all.map((state) => [Number(state === current), ...labels, state]);
}

/** One sample per key of a record of counts. */
export function splitOf<K extends string>(
  keys: readonly K[],
  counts: Readonly<Record<K, number>>,
  ...labels: string[]
): Sample[] {
  return keys.map((key) => [counts[key], ...labels, key]);
}
