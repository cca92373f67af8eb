import { readdirSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { bindToCpus, type Log, processStatFields } from '@vigia/base';
import type { CpuConfig, SlaClass } from '@vigia/contracts';

/** A process's share of the CPU under load. */
export interface CpuShare {
  /** −20 (most) to 19 (least); 0 is the default of a process. */
  readonly nice: number;
  /** Undefined: all. */
  readonly cpus: readonly number[] | undefined;
}

/** By SLA class. */
export type CpuShares = Readonly<Record<SlaClass, CpuShare>>;

/**
 * Relative to the nice value of vigia itself. A step of 5 is a factor of about three, so best-effort gets a thirtieth
 * of what critical gets.
 */
const NICE: Readonly<Record<SlaClass, number>> = { critical: 0, high: 3, normal: 8, 'best-effort': 15 };

const MOST_NICE = 19;
/**
 * Warnings already logged: each is logged once, however often a process starts. Bounded by the names of a
 * configuration.
 */
const told = new Set<string>();

/** Every CPU number that a machine may have. The kernel ignores those that do not exist. */
export const ALL_CPUS: readonly number[] = Array.from({ length: 1024 }, (_, cpu) => cpu);

/** Fills in the defaults of a configuration. */
export function cpuSharesOf(config: CpuConfig): CpuShares {
  const own = getPriority();
  const share = (sla: SlaClass): CpuShare => ({
    nice: config[sla].nice ?? Math.min(MOST_NICE, own + NICE[sla]),
    cpus: config[sla].cpus,
  });
  return {
    critical: share('critical'),
    high: share('high'),
    normal: share('normal'),
    'best-effort': share('best-effort'),
  };
}

/**
 * Sets the share of a process and of all its threads; later threads inherit it. If the system refuses, logs that once:
 * the process runs regardless.
 */
export function applyCpuShare(pid: number, share: CpuShare, name: string, log: Log): void {
  const refused: string[] = [];
  for (const thread of threadsOf(pid)) {
    try {
      setPriority(thread, share.nice);
    } catch {
      refused.push(`nice ${share.nice}`);
    }
    if (share.cpus && !bindToCpus(thread, share.cpus)) refused.push(`CPUs ${share.cpus.join(', ')}`);
  }
  shareOfSession(pid, share.nice);
  // A process that has exited has no threads.
  if (refused.length === 0 || threadsOf(pid).length === 0) return;
  const sentence = `${name}: the system refused ${[...new Set(refused)].join(' and ')}; it runs without`;
  if (told.has(sentence)) return;
  told.add(sentence);
  log.warn(sentence);
}

/**
 * Where the kernel shares the CPU between sessions first (autogroup, sched(7)), nice values count only within a
 * session. A worker is a session of its own, so the session needs the value too. Does nothing without autogroup or
 * permission.
 */
function shareOfSession(pid: number, nice: number): void {
  try {
    // Field 6 of proc(5), counted after the two that `processStatFields` leaves out. Only the leader's session is
    // changed, never the one that vigia shares.
    if (Number(processStatFields(pid)[3]) === pid) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // No autogroup or no permission (unprivileged processes: at most ten times a second). The nice value alone
    // applies.
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}
