import { readdirSync, readFileSync } from 'node:fs';

/** What a process has of memory and descriptors. Sizes in bytes. */
export interface MemorySample {
  /** Resident: anonymous, shared and of files. */
  readonly rss: number;
  /** Resident and its own: heaps, stacks. */
  readonly rssAnon: number;
  /** Resident and of tmpfs: what it touched of segments that it maps. */
  readonly rssShmem: number;
  /** Addresses in use, whether there is memory behind them or not. */
  readonly vmSize: number;
  /** Lines of /proc/PID/maps; the kernel allows a process 65,530 (vm.max_map_count). */
  readonly mappings: number;
  readonly descriptors: number;
}

/** Looks at a process of ours. */
export function memoryOf(pid: number): MemorySample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
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
