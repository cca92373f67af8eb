export { type TraceCounts, Tracer } from './tracer.ts';
