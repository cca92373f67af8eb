export { checkSocketPath, controlSocketPath, lockNode, modelSocketPath, type NodeLock, runBaseDir, runDirOf } from './node-dirs.ts';
