export type { LifecycleState } from './lifecycle.ts';
export { idleRestartMs } from './supervised-worker.ts';
export { ThreadConsumer, type ThreadConsumerOptions } from './thread-consumer.ts';
export { type Rendered, WorkerConsumer, type WorkerConsumerOptions } from './worker-consumer.ts';
export { type WorkerPlace, workerStopMs } from './worker-process.ts';
