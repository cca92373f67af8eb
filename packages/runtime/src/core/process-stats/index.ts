export { type AvailableMemory, readAvailableMemory } from './available-memory.ts';
export { type ProcessUsage, readProcessUsage } from './process-stats.ts';
