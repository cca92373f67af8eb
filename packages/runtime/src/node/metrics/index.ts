export { MetricCounts } from './metric-counts.ts';
export { metricsText } from './metrics-text.ts';
export type { RecordingSources } from './recording-sources.ts';
