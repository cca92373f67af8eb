import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Start time of a process, in ticks since boot: together with the pid it identifies one process. Undefined when it has
 * exited.
 */
export function processStartTicks(pid: number): number | undefined {
  try {
    return Number(processStatFields(pid)[19]);
  } catch {
    return undefined;
  }
}

/**
 * Start time of a process, in seconds of the monotonic clock. Too early when the machine was suspended since: a process
 * is never taken for younger than it is. Undefined when it has exited.
 */
export function processStartSeconds(pid: number, monotonicSeconds: number): number | undefined {
  const ticks = processStartTicks(pid);
  if (ticks === undefined) return undefined;
  // /proc counts from boot, including time suspended; the monotonic clock excludes it.
  const suspendedSeconds = Math.max(0, Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - monotonicSeconds);
  return ticks / TICKS_PER_SECOND - suspendedSeconds;
}

/**
 * Fields of /proc/<pid>/stat after pid and name; the name may contain spaces and brackets. Throws when the process has
 * exited.
 */
export function processStatFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
