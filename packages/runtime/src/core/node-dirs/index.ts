export {
  believedControlSocket,
  checkSocketPath,
  cleanAfterSupervisor,
  controlSocketPath,
  dataDirOf,
  lockNode,
  removeDeadModelSockets,
  removeSegmentsOf,
  modelSocketPath,
  modelSocketsIn,
  nodeIn,
  type NodeLock,
  probePrefix,
  removeDeadSocket,
  runBaseDir,
  runDirOf,
  segmentBytesOf,
  stateDirOf,
} from './node-dirs.ts';
export { checkTrusted } from './trusted-dir.ts';
export { killGroup, killWorkerGroups, registerWorkerGroup } from './worker-groups.ts';
