import { VigiaError } from '@vigia/base';

interface Waiter {
  readonly sessions: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until so many sessions play. */
export class PlayingWaiters {
  #waiters: Waiter[] = [];

  /** Rejects with the signal's reason, or with what {@link rejectAll} is given. */
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

  /** So many play now. */
  update(playing: number): void {
    const ready = this.#waiters.filter((waiter) => waiter.sessions <= playing);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sessions > playing);
    for (const waiter of ready) waiter.resolve();
  }

  rejectAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

/** What those are told who ask a camera that was closed. */
export function closedError(): VigiaError<'closed'> {
  return new VigiaError('closed', 'the simulated camera was closed');
}
