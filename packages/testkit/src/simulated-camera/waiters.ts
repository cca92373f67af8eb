import { VigiaError } from '@vigia/base';

interface Waiter {
  readonly sessions: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Promises that wait for a number of playing sessions. */
export class PlayingWaiters {
  #waiters: Waiter[] = [];

  /** Rejects with the signal's reason, or with the error given to {@link rejectAll}. */
  wait(sessions: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      const settle = (run: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        run();
      };
      const waiter: Waiter = {
        sessions,
        resolve: () => settle(resolve),
        reject: (reason) => settle(() => reject(reason)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Updates the number of playing sessions. */
  update(playing: number): void {
    const ready = this.#waiters.filter((waiter) => waiter.sessions <= playing);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sessions > playing);
    for (const waiter of ready) waiter.resolve();
  }

  rejectAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

/** The error for calls on a closed camera. */
export function closedError(): VigiaError<'closed'> {
  return new VigiaError('closed', 'the simulated camera was closed');
}
