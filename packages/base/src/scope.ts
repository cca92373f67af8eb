/** What a scope can own. */
export type Closer = () => void | Promise<void>;

/**
 * Owns resources and closes them once, in reverse order. Closing twice returns the same promise; a resource added to a
 * closed scope is closed at once. All closers run even if one fails; then the first failure is rethrown.
 */
export class Scope {
  #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Takes ownership of a resource. */
  defer(close: Closer): void {
    if (this.#closing) {
      this.#closing = this.#closing.then(close);
      return;
    }
    this.#closers.push(close);
  }

  /** Closes everything, newest first. */
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
