export { CpuWatch } from './cpu-watch.ts';
export { CriticalWatch } from './critical-watch.ts';
export { MemoryWatch, type TooLarge } from './memory-watch.ts';
export { WorkerStates } from './worker-states.ts';
