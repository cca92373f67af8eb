export { type AvailableMemory, readAvailableMemory } from './available-memory.ts';
export { anonymousBytesByShare, anonymousBytesOf, processesOfGroups } from './group-memory.ts';
export { raiseOomScore } from './oom-score.ts';
