import { anonymousBytesByShare, anonymousBytesOf, processesOfGroups } from '#core/memory';
import { formatBytes } from '#core/terminal';
import type { RunningWorker } from '#node/plan';

/** A worker that must go. */
export interface TooLarge extends RunningWorker {
  /** Completes "the worker …". */
  readonly message: string;
}

/** Looks in a row above its memory until a worker must go: one frame may need more for a moment. */
const LOOKS = 3;
/** Looks that are left out after one that was expensive and found that all is well. */
const REST = 10;

/** Watches the memory of workers that have a limit, with everything that they started. Knows nothing of how they are ended. */
export class MemoryWatch {
  /** Looks in a row above the limit, by process; below 1: it was found to be well, and is looked at again when this is 1. */
  #above = new Map<number, number>();

  /**
   * Looks at all of them; to be called about once a second. Those that it names are to be ended now.
   *
   * @param limits Bytes, by `camera/consumer`. Who is not there is not looked at.
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

  /** @returns what it uses when that is too much, for the third time in a row. */
  #lookAt(pid: number, pids: readonly number[], limitBytes: number, looks: number): number | undefined {
    if (looks > 0 && anonymousBytesOf(pids) <= limitBytes) return undefined;
    this.#above.set(pid, looks);
    if (looks < LOOKS) return undefined;
    // Counted exactly only now: that stops a large process for as long as it takes, and us.
    const bytes = anonymousBytesByShare(pids);
    if (bytes > limitBytes) return bytes;
    this.#above.set(pid, -REST);
    return undefined;
  }
}
