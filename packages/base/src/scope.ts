/** What a scope can own. */
export type Closer = () => void | Promise<void>;

/**
 * Owns what was opened and closes it in reverse order, once. Closing twice returns the same promise; adding to a closed
 * scope closes the newcomer at once. A closer that fails does not keep the others from running: the first failure is
 * rethrown after all have run.
 */
export class Scope {
  #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Takes ownership of something that must be closed. */
  defer(close: Closer): void {
    if (this.#closing) {
      this.#closing = this.#closing.then(close);
      return;
    }
    this.#closers.push(close);
  }

  /** Closes all, newest first. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}
