import { VigiaError } from '@vigia/base';

/** What waits for its turn. */
interface Waiting {
  readonly start: () => void;
}

/** Requests that may wait: for pictures, and for thumbnails. */
const LIMITS = { picture: 16, thumbnail: 64 } as const;

/** Decoding, one picture at a time: all pictures that wait come before the thumbnails. */
export class PictureQueue {
  readonly #waiting: Record<keyof typeof LIMITS, Set<Waiting>> = { picture: new Set(), thumbnail: new Set() };
  #busy = false;

  /**
   * Runs work when its turn has come.
   *
   * @param signal Ends the wait.
   * @throws VigiaError `busy` when too many wait already; the signal's reason; what the work throws.
   */
  async run<T>(kind: keyof typeof LIMITS, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(kind, signal);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  async #turn(kind: keyof typeof LIMITS, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#busy) {
      this.#busy = true;
      return;
    }
    const waiting = this.#waiting[kind];
    if (waiting.size >= LIMITS[kind])
      throw new VigiaError('busy', `${LIMITS[kind]} requests for a ${kind} wait already; ask again in a while`);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        if (waiting.delete(one)) reject(signal.reason);
      };
      const start = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const one = { start };
      waiting.add(one);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #next(): void {
    for (const waiting of [this.#waiting.picture, this.#waiting.thumbnail])
      for (const one of waiting) {
        waiting.delete(one);
        one.start();
        return;
      }
    this.#busy = false;
  }
}
