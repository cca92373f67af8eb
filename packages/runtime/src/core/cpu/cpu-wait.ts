import { readFileSync } from 'node:fs';
import type { Clock } from '@vigia/base';

/** How much of its time a process waits for a CPU. One that does not answer on a busy machine is not always hung. */
export class CpuWait {
  readonly #clock: Clock;
  readonly #read: (pid: number) => number | undefined;
  #mark: { readonly pid: number; readonly atMs: number; readonly waitedMs: number } | undefined;

  /** @param read How long the first thread of a process has waited since its start, milliseconds; undefined: not known. */
  constructor(clock: Clock, read: (pid: number) => number | undefined = waitedMs) {
    this.#clock = clock;
    this.#read = read;
  }

  /** Begins to count at this moment. */
  mark(pid: number | undefined): void {
    const waited = pid === undefined ? undefined : this.#read(pid);
    this.#mark =
      pid === undefined || waited === undefined ? undefined : { pid, atMs: this.#clock.nowMs(), waitedMs: waited };
  }

  /** The share of the time since the last `mark` in which the process waited, 0..1; 0 where that is not known. */
  share(pid: number | undefined): number {
    const mark = this.#mark;
    if (!mark || mark.pid !== pid) return 0;
    const waited = this.#read(pid);
    const lastedMs = this.#clock.nowMs() - mark.atMs;
    if (waited === undefined || lastedMs <= 0) return 0;
    return Math.min(1, Math.max(0, (waited - mark.waitedMs) / lastedMs));
  }
}

/**
 * Reads /proc/<pid>/schedstat: time on a CPU, time in the queue for one (both nanoseconds), number of turns; of the first thread
 * (Documentation/scheduler/sched-stats of the kernel).
 */
function waitedMs(pid: number): number | undefined {
  try {
    const waited = Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
    return waited > 0 ? waited / 1e6 : undefined;
  } catch {
    // The process is gone, or the kernel does not count.
    return undefined;
  }
}
