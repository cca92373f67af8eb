/** Work on the same key runs one after the other, in the order of asking. */
export class KeyedLocks {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Resolves or rejects as `work` does. */
  with<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const run = before.then(work, work);
    const tail = run
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return run;
  }

  /** Keys that are worked on. */
  get size(): number {
    return this.#tails.size;
  }
}

/** Runs `work` for all items, at most `most` at a time. Rejects with the first failure, when what runs has ended. */
export async function inParallel<T>(items: Iterable<T>, most: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  const results = await Promise.allSettled(Array.from({ length: most }, lane));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
