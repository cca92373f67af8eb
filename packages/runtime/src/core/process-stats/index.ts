export { type ProcessUsage, readProcessUsage } from './process-stats.ts';
