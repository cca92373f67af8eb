import { anonymousBytesOf, processesOfGroups } from '#core/memory';
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

/** Watches the memory of workers that have a limit, with everything that they started. Knows nothing of how they are ended. */
export class MemoryWatch {
  /** Looks in a row above the limit, by process. */
  #above = new Map<number, number>();

  /** Looks at all of them; to be called about once a second. Those that it names are to be ended now. */
  look(workers: readonly BoundedWorker[]): TooLarge[] {
    const before = this.#above;
    this.#above = new Map();
    if (workers.length === 0) return [];
    const groups = processesOfGroups(new Set(workers.map((w) => w.pid)));
    const out: TooLarge[] = [];
    for (const worker of workers) {
      const { pid, limitBytes } = worker;
      const bytes = anonymousBytesOf(groups.get(pid) ?? [], limitBytes);
      if (bytes <= limitBytes) continue;
      const looks = (before.get(pid) ?? 0) + 1;
      this.#above.set(pid, looks);
      if (looks < LOOKS) continue;
      out.push({ ...worker, message: `uses ${formatBytes(bytes)} of memory, ${formatBytes(limitBytes)} are allowed` });
    }
    return out;
  }
}
