export {
  checkSocketPath,
  cleanAfterSupervisor,
  controlSocketPath,
  lockNode,
  removeDeadModelSockets,
  removeSegmentsOf,
  modelSocketPath,
  modelSocketsIn,
  type NodeLock,
  probePrefix,
  removeDeadSocket,
  runBaseDir,
  runDirOf,
  segmentBytesOf,
  stateDirOf,
} from './node-dirs.ts';
export { killGroup, killWorkerGroups, registerWorkerGroup } from './worker-groups.ts';
