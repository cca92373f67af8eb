export { ALL_CPUS, applyCpuShare, type CpuShare, type CpuShares, cpuSharesOf } from './cpu-share.ts';
export { CpuPressure, type CpuPressureReading } from './cpu-pressure.ts';
export { CpuWait } from './cpu-wait.ts';
