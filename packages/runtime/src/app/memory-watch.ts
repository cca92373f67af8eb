import { anonymousBytesByShare, anonymousBytesOf, processesOfGroups } from '#core/memory';
import { formatBytes } from '#core/terminal';

/** A worker whose memory is bounded, and its process at the moment. */
export interface BoundedWorker {
  readonly camera: string;
  readonly consumer: string;
  /** Of the first process of its group. */
  readonly pid: number;
  /** Most memory of its own for the whole group, bytes. */
  readonly limitBytes: number;
}

/** A worker that must go. */
export interface TooLarge extends BoundedWorker {
  /** Completes "the worker …". */
  readonly message: string;
}

/** Looks in a row above its memory until a worker must go: one frame may need more for a moment. */
const LOOKS = 3;
/** Looks that are left out after one that was expensive and found that all is well. */
const REST = 10;

/** Watches the memory of workers that have a limit, with everything that they started. Knows nothing of how they are ended. */
export class MemoryWatch {
  /** Looks in a row above the limit, by process; below 0: has been found to be well, so many looks ago. */
  #above = new Map<number, number>();

  /** Looks at all of them; to be called about once a second. Those that it names are to be ended now. */
  look(workers: readonly BoundedWorker[]): TooLarge[] {
    const groups = workers.length > 0 ? processesOfGroups(new Set(workers.map((w) => w.pid))) : new Map();
    if (!groups) return [];
    const before = this.#above;
    this.#above = new Map();
    return workers.flatMap((worker) => {
      const looks = (before.get(worker.pid) ?? 0) + 1;
      const bytes = this.#lookAt(worker, groups.get(worker.pid) ?? [], looks);
      const { limitBytes } = worker;
      if (bytes === undefined) return [];
      return { ...worker, message: `uses ${formatBytes(bytes)} of memory, ${formatBytes(limitBytes)} are allowed` };
    });
  }

  /** @returns what it uses when that is too much, for the third time in a row. */
  #lookAt({ pid, limitBytes }: BoundedWorker, pids: readonly number[], looks: number): number | undefined {
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
