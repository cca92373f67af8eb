import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '@vigia/base';

/** Clock ticks per second of /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A process and its command line. */
export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
}

/** User and system time since the start of a process, seconds; NaN when it has exited. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  // Fields 14 and 15 of proc(5), counted after the two that `statFields` removes.
  return fields ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : Number.NaN;
}

/** User and system time of all running threads of a process, exact to nanoseconds: milliseconds. NaN when it has exited. */
export function threadsCpuMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce(
      (sum, id) => sum + Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
      0,
    );
  } catch {
    // Exited between two reads.
    return Number.NaN;
  }
}

/** Proportional set size in bytes: shared pages count by share. NaN when it has exited. */
export function pssBytes(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
  } catch {
    // Exited between two reads.
    return Number.NaN;
  }
}

/** Whether a process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const fields = statFields(pid);
  return fields !== undefined && fields[0] !== 'Z';
}

/** Ends a child: SIGTERM, and after two seconds SIGKILL. Resolves when it has exited. Idempotent. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const kill = systemClock.after(2_000, () => child.kill('SIGKILL'));
  await gone;
  kill.cancel();
}

/** All descendants of `ancestor`, children first. */
export function descendantsOf(ancestor: number): ProcessInfo[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(Number(name))?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: ProcessInfo[] = [];
  const pending = [...(children.get(ancestor) ?? [])];
  for (let pid = pending.shift(); pid !== undefined; pid = pending.shift()) {
    found.push({ pid, command: commandOf(pid) });
    pending.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** CPU time of all processes of the machine since its start, in seconds; `stolen` went to other machines. */
export function machineCpuSeconds(): { readonly busy: number; readonly stolen: number } {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = fields;
  return { busy: (user + nice + system + irq + softIrq) / TICKS_PER_SECOND, stolen: stolen / TICKS_PER_SECOND };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    // Exited between two reads.
    return '';
  }
}

/**
 * Fields of /proc/<pid>/stat after pid and name (the name may contain spaces and brackets); undefined when it has
 * exited.
 */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
