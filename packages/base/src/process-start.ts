import { readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** When a process was started, in ticks since boot: with the pid it names one process for good. Undefined when gone. */
export function processStartTicks(pid: number): number | undefined {
  try {
    return Number(processStatFields(pid)[19]);
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

/** Fields of /proc/<pid>/stat after pid and name; the name may hold spaces and brackets. Throws when it is gone. */
export function processStatFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
