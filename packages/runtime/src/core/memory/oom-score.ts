import { readFileSync, writeFileSync } from 'node:fs';
import type { SlaClass } from '@vigia/contracts';

/**
 * Added to what vigia itself has, in thousandths of the machine's memory (proc(5), oom_score_adj): who uses a tenth of it
 * more than a worker of the next class is ended in its place. So a worker goes before cameras do, the least important one
 * first, and one that grows without end goes before all others.
 */
const EXTRA: Readonly<Record<SlaClass, number>> = { critical: 100, high: 200, normal: 300, 'best-effort': 400 };
const MOST = 1_000;

/** What a worker of this class gets. */
export function oomScoreOf(sla: SlaClass): number {
  return Math.min(MOST, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) + EXTRA[sla]);
}

/**
 * When the machine runs out of memory, the kernel ends this process, and those that it starts from now on, before vigia's
 * own. Nothing happens when it is gone already or the system does not let us: then the kernel decides by size alone.
 */
export function goesBeforeUs(pid: number, sla: SlaClass): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreOf(sla)));
  } catch {
    // As said above.
  }
}
