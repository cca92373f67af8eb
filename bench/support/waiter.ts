import { systemClock } from '@vigia/base';

/** Lets one loop wait for events from another part of this process: a line, a message, an exit. */
export class Waiter {
  readonly #signal: AbortSignal;
  readonly #wakers = new Set<() => void>();

  /** @param signal Ends every wait with its reason. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Something changed: all waiters check again, at once. */
  wake(): void {
    for (const waker of this.#wakers) waker();
    this.#wakers.clear();
  }

  /**
   * Waits until `look` finds something. `look` may throw to give up.
   *
   * @throws Error when nothing was found within `limitMs`, the signal's reason when it aborts.
   */
  async until<T>(what: string, look: () => T | undefined, limitMs = 30_000): Promise<T> {
    const deadlineMs = systemClock.nowMs() + limitMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadlineMs - systemClock.nowMs();
      if (leftMs <= 0) throw new Error(`${what}: did not happen within ${limitMs / 1000} s`);
      await this.#change(leftMs);
    }
  }

  #change(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#signal.removeEventListener('abort', done);
        this.#wakers.delete(done);
        resolve();
      };
      const timer = systemClock.after(limitMs, done);
      this.#signal.addEventListener('abort', done, { once: true });
      this.#wakers.add(done);
    });
  }
}
