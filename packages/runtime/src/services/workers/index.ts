export type { LifecycleState } from './lifecycle.ts';
export { newProcessConsumer, type ProcessRendering, type WorkerRenditions } from './process-delivery.ts';
export { newThreadConsumer, type ThreadRendering } from './thread-delivery.ts';
export type { WorkerConsumerOptions } from './delivery.ts';
export type { WorkerPlace } from './worker-environment.ts';
