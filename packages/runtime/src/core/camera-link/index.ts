export {
  type CameraSnapshot,
  cameraSnapshotSchema,
  type ConsumerCounts,
  type ConsumerSnapshot,
} from './counters.ts';
export {
  type CameraSetup,
  cameraSetupSchema,
  type ConsumerSetup,
  type ModelConsumerSetup,
  type RestartPolicy,
  type SourceSetup,
  sourceSchema,
  type WorkerConsumerSetup,
  type WorkerSetup,
} from './setup.ts';
export {
  CAMERA_WORDS,
  type CameraStart,
  type CameraWords,
  type EndWorker,
  NODE_WORDS,
  type NodeWords,
  type Pace,
  type StateNotice,
} from './words.ts';
export {
  IDLE_INTERVALS,
  idleRestartMs,
  usesThread,
  WORKER_GIVE_UP_MS,
  WORKER_STOP_MS,
  workerStopMs,
} from './worker-times.ts';
