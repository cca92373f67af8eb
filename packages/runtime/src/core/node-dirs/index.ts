export {
  checkSocketPath,
  cleanAfterSupervisor,
  controlSocketPath,
  lockNode,
  removeSegmentsOf,
  modelSocketPath,
  type NodeLock,
  runBaseDir,
  runDirOf,
  segmentBytesOf,
} from './node-dirs.ts';
