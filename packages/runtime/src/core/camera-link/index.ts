export type {
  CameraSetup,
  CameraSnapshot,
  ConsumerCounts,
  ConsumerSetup,
  ConsumerSnapshot,
  FromCamera,
  ModelConsumerSetup,
  RestartPolicy,
  SourceSetup,
  ToCamera,
  WorkerConsumerSetup,
  WorkerSetup,
} from './camera-link.ts';
export {
  idleRestartMs,
  IDLE_INTERVALS,
  usesThread,
  WORKER_GIVE_UP_MS,
  WORKER_STOP_MS,
  workerStopMs,
} from './worker-times.ts';
export { ParentChannel } from './parent-channel.ts';
