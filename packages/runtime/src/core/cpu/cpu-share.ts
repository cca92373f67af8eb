import { readdirSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { bindToCpus, type Log, processStatFields } from '@vigia/base';
import type { CpuConfig, SlaClass } from '@vigia/contracts';

/** How much of the CPU a process gets when there is not enough for all. */
export interface CpuShare {
  /** −20 (much) to 19 (what is left over); 0 is what processes have that nobody cares for. */
  readonly nice: number;
  /** Undefined: all. */
  readonly cpus: readonly number[] | undefined;
}

/** By SLA class. */
export type CpuShares = Readonly<Record<SlaClass, CpuShare>>;

/**
 * On top of what vigia itself was started with. A step of 5 is a third of the time, so best-effort gets a thirtieth of what
 * critical gets.
 */
const NICE: Readonly<Record<SlaClass, number>> = { critical: 0, high: 3, normal: 8, 'best-effort': 15 };

const MOST_NICE = 19;
/** Warnings that were given: one each, however often a process is started. Bounded by the names of a configuration. */
const told = new Set<string>();

/** Every CPU that a machine may have: those that are not there are ignored. */
export const ALL_CPUS: readonly number[] = Array.from({ length: 1024 }, (_, cpu) => cpu);

/** What a configuration says, completed. */
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
 * Gives a process its share, with all the threads that it has by now; later ones inherit it. A system that refuses is
 * told of once: the process runs all the same.
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
  // A process that is gone already has no threads, and needs no share.
  if (refused.length === 0 || threadsOf(pid).length === 0) return;
  const sentence = `${name}: the system refused ${[...new Set(refused)].join(' and ')}; it runs without`;
  if (told.has(sentence)) return;
  told.add(sentence);
  log.warn(sentence);
}

/**
 * Where the kernel shares the CPU between sessions first (autogroup, sched(7)), nice counts only within one: a worker, which
 * is a session of its own, must be given it as a whole. Without autogroup, or without the right to, there is nothing to do.
 */
function shareOfSession(pid: number, nice: number): void {
  try {
    // Field 6 of proc(5), counted after the two that `processStatFields` leaves out: not that of the session we share.
    if (Number(processStatFields(pid)[3]) === pid) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // No autogroup, or not allowed (without rights ten times a second at most): nice alone counts.
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}
