export { type AvailableMemory, readAvailableMemory } from './available-memory.ts';
export { anonymousBytesOf, processesOfGroups } from './group-memory.ts';
export { goesBeforeUs } from './oom-score.ts';
