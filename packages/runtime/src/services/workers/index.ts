export type { LifecycleState } from './lifecycle.ts';
export { ThreadConsumer, type ThreadConsumerOptions } from './thread-consumer.ts';
export { type Rendered, WorkerConsumer, type WorkerConsumerOptions } from './worker-consumer.ts';
export type { WorkerPlace } from './worker-process.ts';
