export { containerErrorCode } from './container-error-code.ts';
export { compareWithGolden, lookAt, probe, type ProbeResult, thresholdOf } from './golden.ts';
export type {
  FrameJob,
  JobResult,
  ModelRunner,
  Probe,
  RunResult,
  WorkerCommand,
  WorkerReport,
  WorkerSettings,
} from './runner.ts';
export { ThreadRunner, type ThreadRunnerOptions } from './thread-runner.ts';
