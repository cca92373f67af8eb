import { readFileSync, writeFileSync } from 'node:fs';
import type { SlaClass } from '@vigia/contracts';

/**
 * Added to the `oom_score_adj` (proc(5)) of vigia itself. A worker is rated as if it used 10, 20, 30 or 40 % of the
 * machine's memory more than it does. So the kernel kills small workers before cameras, the least important ones first,
 * and a worker that grows without limit before all others.
 */
const EXTRA: Readonly<Record<SlaClass, number>> = { critical: 100, high: 200, normal: 300, 'best-effort': 400 };
/** The kernel's maximum. */
const MOST = 1_000;

/** The `oom_score_adj` of a worker of this class. */
export function oomScoreAdjOf(sla: SlaClass): number {
  return Math.min(MOST, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) + EXTRA[sla]);
}

/**
 * Makes the kernel kill this process, and those that it starts from now on, before vigia's own when memory runs out.
 * Does nothing when the process is gone or the system refuses; then only the size counts.
 */
export function raiseOomScore(pid: number, sla: SlaClass): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdjOf(sla)));
  } catch {
    // The process is gone or the system refuses.
  }
}
