import { readdirSync, readFileSync } from 'node:fs';

/** Memory and descriptors of a process. Sizes in bytes. */
export interface MemorySample {
  /** Resident: anonymous, shared and of files. */
  readonly rss: number;
  /** Resident and anonymous: heaps, stacks. */
  readonly rssAnon: number;
  /** Resident and of tmpfs: the touched parts of mapped segments. */
  readonly rssShmem: number;
  /** Address space in use, with or without memory behind it. */
  readonly vmSize: number;
  /** Lines of /proc/PID/maps; the kernel allows a process 65,530 (vm.max_map_count). */
  readonly mappings: number;
  readonly descriptors: number;
}

/** Reads the state of a child process. */
export function memoryOf(pid: number): MemorySample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  // One that has ended, and whose parent has not noticed, has none.
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return {
    rss: bytes('VmRSS'),
    rssAnon: bytes('RssAnon'),
    rssShmem: bytes('RssShmem'),
    vmSize: bytes('VmSize'),
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n').length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** Bytes as text, in MiB. */
export function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
