import { readdirSync, readFileSync } from 'node:fs';
import { processStatFields } from '@vigia/base';

/**
 * The processes of some process groups: one walk over /proc for all of them, about 15 µs for each process of the machine.
 * Not for hot paths.
 *
 * @param leaders Process ids of their leaders.
 * @returns by leader; one whose group is gone is not there.
 */
export function processesOfGroups(leaders: ReadonlySet<number>): Map<number, number[]> {
  const out = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const group = groupOf(pid);
    if (group === undefined || !leaders.has(group)) continue;
    const known = out.get(group);
    if (known) known.push(pid);
    else out.set(group, [pid]);
  }
  return out;
}

/**
 * Memory that stands in no file, of some processes together, in RAM or swapped out, bytes: what their end gives back. Shared
 * memory is not counted.
 *
 * Pages that a parent and its forked children still share are counted once for each of them when that stays below `limit`,
 * which costs little to know; above it they are counted by share (smaps_rollup of proc(5)), which walks all pages.
 */
export function anonymousBytesOf(pids: readonly number[], limit: number): number {
  const most = sum(pids, (pid) => bytesIn(`/proc/${pid}/status`, /^(?:RssAnon|VmSwap):\s+(\d+) kB/gm));
  if (most <= limit || pids.length < 2) return most;
  const byShare = sum(pids, (pid) => bytesIn(`/proc/${pid}/smaps_rollup`, /^(?:Pss_Anon|SwapPss):\s+(\d+) kB/gm));
  // Before Linux 5.4 shares are not told.
  return byShare === 0 ? most : byShare;
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}

/** The sum of the lines of a file, 0 when the process is gone. */
function bytesIn(path: string, lines: RegExp): number {
  try {
    let kib = 0;
    for (const line of readFileSync(path, 'utf8').matchAll(lines)) kib += Number(line[1]);
    return kib * 1024;
  } catch {
    return 0;
  }
}

/** Field 5 of proc(5), counted after the two that `processStatFields` leaves out. Undefined when it is gone. */
function groupOf(pid: number): number | undefined {
  try {
    return Number(processStatFields(pid)[2]);
  } catch {
    return undefined;
  }
}
