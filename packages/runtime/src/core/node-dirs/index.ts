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
} from './node-dirs.ts';
