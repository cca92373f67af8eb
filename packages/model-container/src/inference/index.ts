export type { ModelRunner, RunResult, WorkerCommand, WorkerReport, WorkerSettings } from './runner.ts';
export { ThreadRunner, type ThreadRunnerOptions } from './thread-runner.ts';
