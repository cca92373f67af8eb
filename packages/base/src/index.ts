export { bindToCpus } from './affinity.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { type Clock, every, FakeClock, sleep, systemClock, type Timer } from './clock.ts';
export { assertNever, codeOf, messageOf, UsageError, VigiaError } from './errors.ts';
export { encodeFrame, encodeJson, FrameDecoder, LENGTH_BYTES } from './framing.ts';
export {
  addSecret,
  createLog,
  formatRecord,
  jsonLineSink,
  knownSecrets,
  type Log,
  type LogLevel,
  type LogRecord,
  parseLogLine,
  redact,
} from './log.ts';
export { processStartSeconds, processStartTicks, processStatFields } from './process-start.ts';
export { type Closer, Scope } from './scope.ts';
export {
  createSharedFile,
  freeSharedBytes,
  mapSharedFile,
  type SharedMapping,
  SHM_DIR,
  shmFull,
} from './shared-memory.ts';
export { Deadline } from './deadline.ts';
export { LineSplitter } from './line-splitter.ts';
export { futexSupported, futexWait, futexWake, isPeerGone, sendDoorbell } from './wake.ts';
export { type ChildState, endWithParent, SupervisedChild, type SupervisedChildOptions } from './supervised-child.ts';
