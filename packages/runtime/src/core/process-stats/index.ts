export { type ProcessUsage, processStartTicks, readProcessUsage, TICKS_PER_SECOND } from './process-stats.ts';
