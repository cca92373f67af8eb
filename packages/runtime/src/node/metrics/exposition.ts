import { BOUNDS_S, type Histogram } from './histogram.ts';
import { type Metric, type MetricSources, type Sample, SUFFIXES } from './metric.ts';

/** Metrics in the text format of OpenMetrics 1.0, ending with `# EOF`. */
export function exposition(metrics: readonly Metric[], sources: MetricSources): string {
  const lines = metrics.flatMap((metric) => [...headOf(metric), ...metric.samples(sources).flatMap(linesOf(metric))]);
  return `${[...lines, '# EOF'].join('\n')}\n`;
}

/** A label's value, to be put between quotation marks. */
export function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function headOf({ name, type, help }: Metric): string[] {
  const unit = /_(seconds|bytes)$/.exec(name)?.[1];
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
  ];
}

function linesOf({ name, type, labels }: Metric): (sample: Sample) => string[] {
  return ([value, ...values]) => {
    const pairs = labels.map((label, i) => `${label}="${escaped(values[i] ?? '')}"`);
    if (typeof value !== 'number') return histogramLines(name, pairs, value);
    return [line(name + SUFFIXES[type], pairs, numberOf(value))];
  };
}

function histogramLines(name: string, pairs: readonly string[], histogram: Histogram): string[] {
  const counts = histogram.cumulative();
  const buckets = counts.map((count, i) => line(`${name}_bucket`, [...pairs, `le="${boundOf(i)}"`], String(count)));
  const all = String(counts.at(-1));
  return [...buckets, line(`${name}_count`, pairs, all), line(`${name}_sum`, pairs, numberOf(histogram.sum))];
}

/** Bounds are written as OpenMetrics prefers them: `1.0`, not `1`. */
function boundOf(bucket: number): string {
  const bound = BOUNDS_S[bucket];
  if (bound === undefined) return '+Inf';
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}

function line(name: string, pairs: readonly string[], value: string): string {
  return pairs.length === 0 ? `${name} ${value}` : `${name}{${pairs.join(',')}} ${value}`;
}

/** The sum of very large numbers is infinite. */
function numberOf(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}
