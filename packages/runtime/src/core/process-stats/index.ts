export { type ProcessUsage, processStartSeconds, processStartTicks, readProcessUsage } from './process-stats.ts';
