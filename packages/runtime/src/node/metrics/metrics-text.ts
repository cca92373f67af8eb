import { CAMERA_METRICS } from './camera-metrics.ts';
import { CONSUMER_METRICS } from './consumer-metrics.ts';
import { exposition } from './exposition.ts';
import type { Metric, MetricSources } from './metric.ts';
import { MODEL_METRICS, NODE_METRICS } from './node-metrics.ts';
import { RECORDING_METRICS } from './recording-metrics.ts';

/** Every metric of a node, in the order of the text. docs/reference/metrics.md lists the same. */
export const METRICS: readonly Metric[] = [
  ...NODE_METRICS,
  ...CAMERA_METRICS,
  ...RECORDING_METRICS,
  ...CONSUMER_METRICS,
  ...MODEL_METRICS,
];

/** The answer to `GET /metrics`: OpenMetrics 1.0 text. */
export function metricsText(sources: MetricSources): string {
  return exposition(METRICS, sources);
}
