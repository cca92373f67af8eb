export { type ProcessUsage, processStartTicks, readProcessUsage } from './process-stats.ts';
