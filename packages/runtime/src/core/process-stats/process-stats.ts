import { readFileSync } from 'node:fs';
import { processStatFields } from '@vigia/base';

/** What a process costs. */
export interface ProcessUsage {
  /** Proportional set size: shared pages count by share. */
  readonly pssBytes: number;
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
    const pssKib = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    // Fields 14 and 15 of proc(5), counted after the two that `processStatFields` leaves out.
    return { pssBytes: pssKib * 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
  } catch {
    // Gone between two reads, or not ours to look at: there is nothing to report.
    return undefined;
  }
}
