/**
 * Injected time. Durations and ages are monotonic; wall time is for display only.
 *
 * `nowMs` is CLOCK_MONOTONIC in milliseconds (a double: sub-microsecond for a century of uptime). The clock is shared
 * by all processes of a machine, so time stamps of different processes can be subtracted.
 */
export interface Clock {
  /** Monotonic milliseconds, comparable between all processes of this machine. */
  nowMs(): number;
  /** Wall time in milliseconds since 1970, UTC. Not for durations. */
  wallMs(): number;
  /** Calls `fn` once after `ms` milliseconds unless cancelled. The timer keeps the process alive unless `unref` is set. */
  after(ms: number, fn: () => void, options?: { readonly unref?: boolean }): Timer;
}

/** A pending callback. It may be cancelled twice, and after it ran. */
export interface Timer {
  cancel(): void;
}

/**
 * Offset from the zero of `performance.now` to that of CLOCK_MONOTONIC, milliseconds. Both read the same clock;
 * `process.hrtime.bigint` costs three times as much because it allocates a bigint.
 *
 * Takes the best of several samples: the first ones are cold, and an error of 0.1 ms here would be an error of 0.1 ms
 * between two processes.
 */
function monotonicOriginMs(): number {
  let originMs = 0;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 50; look += 1) {
    const beforeMs = performance.now();
    const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
    const betweenMs = performance.now() - beforeMs;
    if (betweenMs >= leastMs) continue;
    leastMs = betweenMs;
    originMs = monotonicMs - beforeMs - betweenMs / 2;
  }
  return originMs;
}

const originMs = monotonicOriginMs();

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => originMs + performance.now(),
  wallMs: () => Date.now(),
  after: (ms, fn, options) => {
    const timer = setTimeout(fn, ms);
    if (options?.unref) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A clock that only a test moves. Timers run inside `advance`, in order of their due time. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  #timers: { dueMs: number; fn: () => void }[] = [];

  constructor(nowMs = 1_000, wallMs = 1_767_225_600_000) {
    this.#nowMs = nowMs;
    this.#wallOffsetMs = wallMs - nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  after(ms: number, fn: () => void): Timer {
    const entry = { dueMs: this.#nowMs + Math.max(0, ms), fn };
    this.#timers.push(entry);
    return { cancel: () => void (this.#timers = this.#timers.filter((t) => t !== entry)) };
  }

  /** Number of pending timers, to prove that nothing is left behind. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Lets time pass without running anything, like a suspended machine: timers that fell due run later, late. */
  freeze(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }

  /** Moves time forward and runs every timer that falls due, in order. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter((t) => t.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fn();
    }
    this.#nowMs = end;
  }
}

/**
 * Calls `fn` every `ms` milliseconds until cancelled. A slow `fn` delays the next call; calls never pile up. Keeps the
 * process alive unless `unref` is set.
 */
export function every(clock: Clock, ms: number, fn: () => void, options?: { readonly unref?: boolean }): Timer {
  let timer = clock.after(ms, tick, options);
  function tick(): void {
    timer = clock.after(ms, tick, options);
    fn();
  }
  return { cancel: () => timer.cancel() };
}
