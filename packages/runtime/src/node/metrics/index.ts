export { MetricCounts } from './metric-counts.ts';
export { metricsText } from './metrics-text.ts';
