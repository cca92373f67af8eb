import { nativeCalls } from './koffi.ts';

type SetAffinity = (pid: number, size: number, mask: Buffer) => number;

let setAffinity: SetAffinity | undefined;

/** Bytes of a CPU mask: 1024 CPUs, as glibc's `cpu_set_t`. */
const MASK_BYTES = 128;

/**
 * Restricts a process (its first thread, and the threads that it starts from now on) to some CPUs.
 *
 * @param pid Of a process, or of one of its threads.
 * @param cpus Numbers from 0 to 1023. CPUs that the machine does not have are ignored, as long as one is left.
 * @returns false when the system refused: no such process, another user's process, or none of these CPUs exists.
 */
export function bindToCpus(pid: number, cpus: readonly number[]): boolean {
  setAffinity ??= nativeCalls()
    .load(null)
    .func('int sched_setaffinity(int pid, size_t size, void *mask)') as SetAffinity;
  const mask = Buffer.alloc(MASK_BYTES);
  for (const cpu of cpus) if (cpu < MASK_BYTES * 8) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return setAffinity(pid, MASK_BYTES, mask) === 0;
}
