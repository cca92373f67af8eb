export { bindToCpus } from './affinity.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { ChildEntry, type ChildEntryOptions } from './child-entry.ts';
export { childEnvironment, REMOTE_TOKEN } from './child-environment.ts';
export {
  Channel,
  type ChannelErrorCode,
  type ChannelOptions,
  type ChannelPort,
  type RequestOptions,
} from './channel.ts';
export {
  asChannelMessage,
  type AskOf,
  type ChannelMessage,
  type Handlers,
  type NoticeName,
  type NoticeOf,
  type ReplyOf,
  type RequestName,
  type Schema,
  SILENT,
  type Vocabulary,
} from './channel-protocol.ts';
export { type Clock, every, FakeClock, sleep, systemClock, type Timer } from './clock.ts';
export { assertNever, codeOf, messageOf, UsageError, VigiaError } from './errors.ts';
export { type FileLock, lockFile, type LockOptions } from './file-lock.ts';
export { makeFoldersSync, makeFolders } from './folders.ts';
export { printable, printableJson, quoted, quotedLines } from './foreign-text.ts';
export { encodeFrame, encodeJson, FrameDecoder, LENGTH_BYTES } from './framing.ts';
export {
  createLog,
  formatRecord,
  jsonLineSink,
  type Log,
  type LogLevel,
  type LogRecord,
  parseLogLine,
} from './log.ts';
export { processStartSeconds, processStartTicks, processStatFields } from './process-start.ts';
export { ipcPort, openParentChannel } from './parent-channel.ts';
export { addSecret, knownSecrets, redact } from './secrets.ts';
export { type Closer, Scope } from './scope.ts';
export {
  createSharedFile,
  freeSharedBytes,
  mapSharedFile,
  type SharedMapping,
  SHM_DIR,
  shmFull,
} from './shared-memory.ts';
export { peerUser } from './peer-user.ts';
export { StartGate } from './start-gate.ts';
export { takenBytes } from './socket-queue.ts';
export { Deadline } from './deadline.ts';
export { LineSplitter } from './line-splitter.ts';
export { TimeShare } from './time-share.ts';
export { futexSupported, futexWait, futexWake, isPeerGone, sendDoorbell } from './wake.ts';
export {
  type ChildConnection,
  type ChildState,
  SupervisedChild,
  type SupervisedChildOptions,
} from './supervised-child.ts';
