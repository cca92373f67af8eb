import type { ConsumerSetup, WorkerConsumerSetup } from './setup.ts';

/** How long a worker may take after `stop` before SIGTERM, and after that before SIGKILL. Milliseconds. */
export const WORKER_STOP_MS = { term: 1_000, kill: 500 } as const;
/**
 * On shutdown, vigia leaves a process behind that the kernel does not end within this time after SIGKILL. Milliseconds.
 */
export const WORKER_GIVE_UP_MS = 500;
/** A slow worker may miss this many of its turns before it counts as idle. */
export const IDLE_INTERVALS = 3;
/** vigia restarts a critical worker that is idle for this long (WL5). Milliseconds. */
const IDLE_RESTART_MS = 30_000;

/** How long the workers of a camera may take to end when they are stopped together. Milliseconds. */
export function workerStopMs(consumers: readonly { readonly kind: string }[]): number {
  const { term, kill } = WORKER_STOP_MS;
  return consumers.some((c) => c.kind === 'worker') ? term + kill + WORKER_GIVE_UP_MS : 0;
}

/**
 * How long a critical worker may go without an answer while frames arrive, before vigia restarts it (WL5). Milliseconds.
 *
 * @param intervalMs Between two frames that it should get.
 */
export function idleRestartMs(intervalMs: number): number {
  return Math.max(IDLE_RESTART_MS, IDLE_INTERVALS * intervalMs);
}

/** Whether a consumer runs in a thread of its camera's process, and so shares that process's memory. */
export function usesThread(consumer: ConsumerSetup): consumer is WorkerConsumerSetup {
  return consumer.kind === 'worker' && consumer.worker.transport === 'thread';
}
