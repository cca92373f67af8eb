import { readFileSync } from 'node:fs';

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
    const fields = statFields(pid);
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const pssKib = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    // Fields 14 and 15 of proc(5), counted after the two that `statFields` removes.
    return { pssBytes: pssKib * 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
  } catch {
    // Gone between two reads, or not ours to look at: there is nothing to report.
    return undefined;
  }
}

/** When a process was started, in ticks since boot: with the pid it names one process for good. Undefined when gone. */
export function processStartTicks(pid: number): number | undefined {
  try {
    return Number(statFields(pid)[19]);
  } catch {
    return undefined;
  }
}

/**
 * When a process was started, in seconds of the monotonic clock, or earlier when the machine was suspended since: a
 * process is never made younger than it is. Undefined when gone.
 */
export function processStartSeconds(pid: number, monotonicSeconds: number): number | undefined {
  const ticks = processStartTicks(pid);
  if (ticks === undefined) return undefined;
  // /proc counts from boot, suspend included; the monotonic clock does not count it.
  const suspendedSeconds = Math.max(0, Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - monotonicSeconds);
  return ticks / TICKS_PER_SECOND - suspendedSeconds;
}

/** Fields of /proc/<pid>/stat after pid and name; the name may hold spaces and brackets. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
