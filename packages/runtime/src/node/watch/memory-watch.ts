import { anonymousBytesByShare, anonymousBytesOf, processesOfGroups } from '#core/memory';
import { formatBytes } from '#core/terminal';
import type { RunningWorker } from '#node/plan';

/** A worker to end because of its memory. */
export interface TooLarge extends RunningWorker {
  /** Completes "the worker …". */
  readonly message: string;
}

/** Checks in a row above the limit before a worker is reported: one frame may need more for a moment. */
const LOOKS = 3;
/** Checks skipped after an expensive one found the worker below its limit. */
const REST = 10;

/** Watches the memory of workers that have a limit, including their descendants. Only reports; the caller ends them. */
export class MemoryWatch {
  /**
   * Checks in a row above the limit, by process. Below 1: checks still to skip, after an exact count below the limit.
   */
  #above = new Map<number, number>();

  /**
   * Checks all workers. Call it about once a second. The caller must end the workers that it returns.
   *
   * @param limits Bytes, by `camera/consumer`. Workers without a limit are not checked.
   */
  look(limits: ReadonlyMap<string, number>, running: readonly RunningWorker[]): TooLarge[] {
    const workers = running.filter(({ camera, consumer }) => limits.has(`${camera}/${consumer}`));
    const groups = workers.length > 0 ? processesOfGroups(new Set(workers.map((w) => w.pid))) : new Map();
    if (!groups) return [];
    const before = this.#above;
    this.#above = new Map();
    const out: TooLarge[] = [];
    for (const { camera, consumer, pid } of workers) {
      const limitBytes = limits.get(`${camera}/${consumer}`) ?? Number.POSITIVE_INFINITY;
      const bytes = this.#lookAt(pid, groups.get(pid) ?? [], limitBytes, (before.get(pid) ?? 0) + 1);
      if (bytes === undefined) continue;
      const message = `uses ${formatBytes(bytes)} of memory, ${formatBytes(limitBytes)} are allowed`;
      out.push({ camera, consumer, pid, message });
    }
    return out;
  }

  /** @returns the bytes in use, when that is too much for the third time in a row. */
  #lookAt(pid: number, pids: readonly number[], limitBytes: number, looks: number): number | undefined {
    if (looks > 0 && anonymousBytesOf(pids) <= limitBytes) return undefined;
    this.#above.set(pid, looks);
    if (looks < LOOKS) return undefined;
    // The exact count comes last: it stops a large process, and this one, while it runs.
    const bytes = anonymousBytesByShare(pids);
    if (bytes > limitBytes) return bytes;
    this.#above.set(pid, -REST);
    return undefined;
  }
}
