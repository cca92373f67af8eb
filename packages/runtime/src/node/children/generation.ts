/**
 * One child with one set of settings, from its start to its end. It owns its process, which it restarts after a crash,
 * and its counters. Other settings need another generation.
 */
export interface Generation {
  /** Undefined while there is no process. */
  readonly pid: number | undefined;
  /** Starts the process. Returns at once. */
  start(): void;
  /**
   * Stops the process and removes the files that it left. Resolves when it is gone. Idempotent.
   *
   * @param succeeded True when a successor takes over: the counters are closed first, and later messages of the process
   *   are ignored. False: messages are handled until the process is gone.
   */
  end(succeeded: boolean): Promise<void>;
}

/**
 * The generations of one child: the current one and those that are ending. All replacements of a child happen here, in
 * one of two orders: `replace` where two generations must not run at once, `overlap` where there must be no gap.
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

  /** Whether this is the current generation and it is not being replaced. */
  isCurrent(generation: G): boolean {
    return generation === this.#current && !this.#replacing;
  }

  /** The processes of the ending generations, then that of the current one. */
  get pids(): number[] {
    return [this.#current, ...this.#ending].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /**
   * Ends the current generation, then creates and starts its successor. Replacements run one after the other. Does
   * nothing after `close`.
   *
   * @param successorOf Called when the predecessor is gone.
   */
  replace(successorOf: (before: G) => G): Promise<void> {
    const replaced = this.#replaceAfter(this.#work, successorOf);
    // A replacement that failed is its caller's; the next one is tried.
    this.#work = replaced.catch(() => undefined);
    return replaced;
  }

  /** Does something with the current generation when no replacement runs. Does nothing after `close`. */
  inTurn(work: (current: G) => Promise<void>): Promise<void> {
    const done = this.#work.then(() => (this.#closing ? undefined : work(this.#current)));
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** Creates the successor, which the caller starts. The predecessor runs until `endPredecessors`. */
  overlap(successorOf: (before: G) => G): void {
    if (this.#closing) return;
    this.#ending.add(this.#current);
    this.#current = successorOf(this.#current);
    this.#current.start();
  }

  /** Ends every generation except the current one. Resolves when they are gone. */
  async endPredecessors(): Promise<void> {
    await Promise.all([...this.#ending].map((generation) => this.#end(generation)));
  }

  /** Ends all generations. Resolves when they are gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #replaceAfter(earlier: Promise<void>, successorOf: (before: G) => G): Promise<void> {
    await earlier;
    if (this.#closing) return;
    const before = this.#current;
    this.#replacing = true;
    try {
      await before.end(true);
    } finally {
      this.#replacing = false;
    }
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
