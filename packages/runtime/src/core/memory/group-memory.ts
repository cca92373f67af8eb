import { readdirSync, readFileSync } from 'node:fs';
import { processStatFields } from '@vigia/base';

/**
 * The processes of some process groups: one walk over /proc for all of them, about 15 µs for each process of the machine.
 * Not for hot paths.
 *
 * @param leaders Process ids of their leaders.
 * @returns by leader; one whose group is gone is not there. Undefined when /proc cannot be read just now.
 */
export function processesOfGroups(leaders: ReadonlySet<number>): Map<number, number[]> | undefined {
  const names = namesInProc();
  if (!names) return undefined;
  const out = new Map<number, number[]>();
  for (const name of names) {
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
 * Memory of some processes together that stands in no file, in RAM or swapped out, bytes. Shared memory is not counted;
 * pages that a parent and its forked children still share count once for each of them, so this is an upper bound. Cheap:
 * /proc/PID/status.
 */
export function anonymousBytesOf(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + anonymousBytes(pid), 0);
}

/**
 * The same with shared pages by share: what the end of all of them gives back. Walks their pages (/proc/PID/smaps_rollup),
 * which took 28 ms for each GiB where it was measured: not for every look.
 */
export function anonymousBytesByShare(pids: readonly number[]): number {
  if (pids.length < 2) return anonymousBytesOf(pids);
  return pids.reduce((total, pid) => {
    // Not there before Linux 5.4, nor of a process whose memory is none of our business.
    const rollup = linesOf(`/proc/${pid}/smaps_rollup`, /^(?:Pss_Anon|SwapPss):\s+(\d+) kB/gm);
    return total + (rollup.has('Pss_Anon') ? sumOf(rollup) : anonymousBytes(pid));
  }, 0);
}

function anonymousBytes(pid: number): number {
  return sumOf(linesOf(`/proc/${pid}/status`, /^(?:RssAnon|VmSwap):\s+(\d+) kB/gm));
}

/** Bytes by name; nothing of a process that is gone. */
function linesOf(path: string, lines: RegExp): Map<string, number> {
  const out = new Map<string, number>();
  try {
    for (const [line, kib] of readFileSync(path, 'utf8').matchAll(lines))
      out.set(line.slice(0, line.indexOf(':')), Number(kib) * 1024);
  } catch {
    // Gone, or not ours to look at.
  }
  return out;
}

function sumOf(bytes: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const value of bytes.values()) total += value;
  return total;
}

function namesInProc(): readonly string[] | undefined {
  try {
    return readdirSync('/proc');
  } catch {
    // No descriptor left, for one: that passes, and must not end us.
    return undefined;
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
