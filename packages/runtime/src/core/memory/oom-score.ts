import { readFileSync, writeFileSync } from 'node:fs';
import type { SlaClass } from '@vigia/contracts';

/**
 * Added to the `oom_score_adj` (proc(5)) that vigia itself has: a worker counts as if it used 10, 20, 30 or 40 % of the
 * machine's memory more than it does. Small ones go before cameras that way, the least important first, and one that
 * grows without end goes before everybody.
 */
const EXTRA: Readonly<Record<SlaClass, number>> = { critical: 100, high: 200, normal: 300, 'best-effort': 400 };
/** The kernel allows no more. */
const MOST = 1_000;

/** What a worker of this class gets. */
export function oomScoreAdjOf(sla: SlaClass): number {
  return Math.min(MOST, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) + EXTRA[sla]);
}

/**
 * When the machine runs out of memory, the kernel rather ends this process, and those that it starts from now on, than
 * vigia's own. Nothing happens when it is gone already or the system does not let us: then size alone decides.
 */
export function raiseOomScore(pid: number, sla: SlaClass): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdjOf(sla)));
  } catch {
    // As said above.
  }
}
