import { readFileSync } from 'node:fs';
import { processStatFields } from '@vigia/base';

/** What a process costs. */
export interface ProcessUsage {
  /** Proportional set size: shared pages count by share. */
  readonly pssBytes: number;
  /** Of it, what stands in no file and is nobody else's: the memory that its end gives back. Shared memory not counted. */
  readonly anonymousBytes: number;
  /** User and system time since its start, seconds. */
  readonly cpuSeconds: number;
}

/** Clock ticks per second of /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Usage of a process, or undefined when it is gone. Costs about 1 ms: not for hot paths. */
export function readProcessUsage(pid: number): ProcessUsage | undefined {
  try {
    const fields = processStatFields(pid);
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const bytes = (pattern: RegExp): number => Number(pattern.exec(rollup)?.[1] ?? 0) * 1024;
    return {
      pssBytes: bytes(/^Pss:\s+(\d+) kB/m),
      anonymousBytes: bytes(/^Anonymous:\s+(\d+) kB/m),
      // Fields 14 and 15 of proc(5), counted after the two that `processStatFields` leaves out.
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  } catch {
    // Gone between two reads, or not ours to look at: there is nothing to report.
    return undefined;
  }
}
