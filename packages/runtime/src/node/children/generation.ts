/**
 * One configured life of a child: from its start with one set of settings to its end. It owns its process (which it
 * starts again when that dies), its counters, and its end. Another configuration is another generation.
 */
export interface Generation {
  /** Of its process; undefined while it has none. */
  readonly pid: number | undefined;
  /** Starts the process; returns at once. */
  start(): void;
  /**
   * Stops the process and removes what it left. Resolves when it is gone. Idempotent.
   *
   * @param succeeded A successor takes over: the counters are closed first, and from then on nothing that the process
   *   says is heard. Otherwise its last words are.
   */
  end(succeeded: boolean): Promise<void>;
}

/**
 * The generations of one child: the current one, and those that are ending. The only place that replaces a child, in one
 * of two orders: `replace` where two cannot be there at once, `overlap` where there must be no gap.
 */
export class Succession<G extends Generation> {
  #current: G;
  #replacing = false;
  readonly #ending = new Set<G>();
  #work: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(first: G) {
    this.#current = first;
  }

  get current(): G {
    return this.#current;
  }

  /** Whether this is the current generation and is not being replaced. */
  isCurrent(generation: G): boolean {
    return generation === this.#current && !this.#replacing;
  }

  /** Processes of the current generation and of those that are ending. */
  get pids(): number[] {
    return [...this.#ending, this.#current].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /**
   * Ends the current generation, then makes and starts its successor: for children that cannot be there twice. One at a
   * time; after `close` it does nothing.
   *
   * @param successorOf Called when the predecessor is gone.
   */
  replace(successorOf: (before: G) => G): Promise<void> {
    this.#work = this.#replaceAfter(this.#work, successorOf);
    return this.#work;
  }

  /** Makes the successor, which the caller starts, and leaves the predecessor running until `endPredecessors`. */
  overlap(successorOf: (before: G) => G): void {
    if (this.#closing) return;
    this.#ending.add(this.#current);
    this.#current = successorOf(this.#current);
  }

  /** Ends every generation but the current one. Resolves when they are gone. */
  async endPredecessors(): Promise<void> {
    await Promise.all([...this.#ending].map((generation) => this.#end(generation)));
  }

  /** Ends all of them. Resolves when they are gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #replaceAfter(earlier: Promise<void>, successorOf: (before: G) => G): Promise<void> {
    await earlier;
    if (this.#closing) return;
    const before = this.#current;
    this.#replacing = true;
    await before.end(true);
    this.#replacing = false;
    if (this.#closing) return;
    this.#current = successorOf(before);
    this.#current.start();
  }

  async #close(): Promise<void> {
    await Promise.all([this.#current.end(false), this.endPredecessors(), this.#work]);
  }

  async #end(generation: G): Promise<void> {
    await generation.end(true);
    this.#ending.delete(generation);
  }
}
