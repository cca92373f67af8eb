import { BOUNDS_S, type Histogram } from './histogram.ts';
import { type Metric, type MetricSources, type Sample, SUFFIXES } from './metric.ts';

/** As OpenMetrics prefers them: `1.0`, not `1`. */
const BOUNDS = [...BOUNDS_S.map((bound) => (Number.isInteger(bound) ? bound.toFixed(1) : String(bound))), '+Inf'];

/** Metrics in the text format of OpenMetrics 1.0, ending with `# EOF`. */
export function exposition(metrics: readonly Metric[], sources: MetricSources): string {
  const lines = metrics.flatMap((metric) => [...headOf(metric), ...metric.samples(sources).flatMap(linesOf(metric))]);
  return `${[...lines, '# EOF'].join('\n')}\n`;
}

/** A label's value, to be put between quotation marks. */
export function escaped(text: string): string {
  // Ids, which nearly all values are, have nothing to escape.
  if (!/["\\\n]/.test(text)) return text;
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

function linesOf({ name, type, labels }: Metric): (sample: Sample) => readonly string[] {
  return ([value, ...values]) => {
    const pairs = labels.map((label, i) => `${label}="${escaped(values[i] ?? '')}"`).join(',');
    if (typeof value !== 'number') return histogramLines(name, pairs, value);
    return [`${name}${SUFFIXES[type]}${braced(pairs)} ${numberOf(value)}`];
  };
}

/** Most lines of a text are buckets: what they share is put together once. */
function histogramLines(name: string, pairs: string, histogram: Histogram): string[] {
  const counts = histogram.cumulative();
  const head = `${name}_bucket{${pairs}${pairs === '' ? '' : ','}le="`;
  const lines = BOUNDS.map((bound, i) => `${head}${bound}"} ${counts[i]}`);
  const labels = braced(pairs);
  lines.push(`${name}_count${labels} ${counts.at(-1)}`, `${name}_sum${labels} ${numberOf(histogram.sum)}`);
  return lines;
}

function braced(pairs: string): string {
  return pairs === '' ? '' : `{${pairs}}`;
}

/** The sum of very large numbers is infinite. */
function numberOf(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}
