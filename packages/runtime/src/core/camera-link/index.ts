export {
  type CameraSnapshot,
  cameraSnapshotSchema,
  type ConsumerCounts,
  type ConsumerSnapshot,
} from './counters.ts';
export { type BedNotice, type FallNotice, type RuleNotice, ruleNoticeSchema, ruleSubject } from './rule-notice.ts';
export {
  allConsumers,
  type BedRuleSetup,
  type FallRuleSetup,
  type CameraSetup,
  cameraSetupSchema,
  CAMERA_UNITS_MEMORY,
  type ConsumerSetup,
  type ConsumerTerms,
  type ModelConsumerSetup,
  type RestartPolicy,
  type RuleSetup,
  type SourceSetup,
  sourceSchema,
  smallUnitsSocketPath,
  unitsSocketPath,
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
  type Tile,
  type Tune,
} from './words.ts';
export {
  IDLE_INTERVALS,
  idleRestartMs,
  usesThread,
  WORKER_GIVE_UP_MS,
  WORKER_STOP_MS,
  workerStopMs,
} from './worker-times.ts';
