/** Counters of a pump. At any moment `received = handled + skipped + pending + inHandler`. */
export interface JitCounters {
  readonly received: number;
  /** Calls of the handler that have ended, with or without an error. */
  readonly handled: number;
  /** Overwritten by a newer item before the handler was free. */
  readonly skipped: number;
  /** 0 or 1. */
  readonly pending: number;
  /** 0 or 1. */
  readonly inHandler: number;
}

/** Options of {@link consumeJit}. */
export interface ConsumeJitOptions<T> {
  /**
   * Stops the pump: the source's `return` is called, the pending item is skipped. `done` resolves once the handler has
   * ended.
   */
  readonly signal?: AbortSignal;
  /** Releases what an item owns; called once for every skipped item. */
  readonly discard?: (item: T) => void;
}

/** A running pump. */
export interface JitConsumption {
  /**
   * Resolves when the source has ended (or was stopped) and the last item was handled.
   *
   * Rejects with the error of the source or the handler, after the source's `return` was called.
   */
  readonly done: Promise<JitCounters>;
  counters(): JitCounters;
}

/**
 * Makes any buffered source fresh (FS8): pulls it continuously, without waiting for the handler, and calls the handler
 * with the newest item only, one call at a time. A publisher with a buffer thus cannot feed stale frames.
 *
 * The handler runs in a later turn than the pull: a source emits its buffered items in one turn, and only the newest of
 * them is handled. The handler owns the item that it receives.
 *
 * @param source Pulled until its end. The pump takes ownership of its items.
 * @param handler May be slow. Receives the signal of the options.
 */
export function consumeJit<T>(
  source: AsyncIterable<T>,
  handler: (item: T, signal: AbortSignal | undefined) => void | Promise<void>,
  options: ConsumeJitOptions<T> = {},
): JitConsumption {
  const pump = new JitPump(source, handler, options);
  return { done: pump.run(), counters: () => pump.counters() };
}

/** Items pulled in a row before other work gets a turn: a source that never waits would block the loop. */
const PULLS_PER_TURN = 1_024;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class JitPump<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #handler: (item: T, signal: AbortSignal | undefined) => void | Promise<void>;
  readonly #o: ConsumeJitOptions<T>;
  /** Boxed, so that `undefined` is a valid item. */
  #pending: { readonly item: T } | undefined;
  #received = 0;
  #handled = 0;
  #skipped = 0;
  #inHandler = false;
  #handling: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #halted = false;
  /**
   * Resolves when nothing more will be pulled. Not raced per item: `Promise.race` leaves a reaction on the losing
   * promise.
   */
  readonly #over: Promise<void>;
  #setOver: () => void = () => undefined;

  constructor(
    source: AsyncIterable<T>,
    handler: (item: T, signal: AbortSignal | undefined) => void | Promise<void>,
    options: ConsumeJitOptions<T>,
  ) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#handler = handler;
    this.#o = options;
    this.#over = new Promise((resolve) => {
      this.#setOver = resolve;
    });
  }

  counters(): JitCounters {
    const pending = this.#pending ? 1 : 0;
    return {
      received: this.#received,
      handled: this.#handled,
      skipped: this.#skipped,
      pending,
      inHandler: this.#inHandler ? 1 : 0,
    };
  }

  async run(): Promise<JitCounters> {
    const { signal } = this.#o;
    if (signal?.aborted) this.#halt();
    signal?.addEventListener('abort', this.#halt, { once: true });
    // Ends by itself, at the latest when the source emits its next item; halting does not wait for that.
    void this.#pump();
    await this.#over;
    while (this.#handling) await this.#handling;
    signal?.removeEventListener('abort', this.#halt);
    if (this.#failure) throw this.#failure.error;
    return this.counters();
  }

  async #pump(): Promise<void> {
    try {
      for (let pulls = 1; !this.#halted; pulls += 1) {
        const { done, value } = await this.#iterator.next();
        if (done) break;
        this.#arrive(value);
        if (pulls % PULLS_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#setOver();
  }

  #arrive(item: T): void {
    this.#received += 1;
    this.#skipPending();
    this.#pending = { item };
    if (this.#halted) this.#skipPending();
    else this.#handling ??= this.#handle();
  }

  async #handle(): Promise<void> {
    try {
      do {
        // Lets the source empty its buffer first.
        await nextTurn();
        await this.#handlePending();
      } while (this.#pending);
    } catch (error) {
      this.#failure ??= { error };
      this.#halt();
    } finally {
      this.#handling = undefined;
    }
  }

  async #handlePending(): Promise<void> {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    this.#inHandler = true;
    try {
      await this.#handler(pending.item, this.#o.signal);
    } finally {
      this.#inHandler = false;
      this.#handled += 1;
    }
  }

  #skipPending(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    this.#skipped += 1;
    this.#o.discard?.(pending.item);
  }

  /** Stops pulling. Notifies the source now; a source that hangs in its own wait cannot delay the pump. */
  readonly #halt = (): void => {
    if (this.#halted) return;
    this.#halted = true;
    this.#skipPending();
    this.#setOver();
    this.#iterator.return?.().then(undefined, (error: unknown) => {
      this.#failure ??= { error };
    });
  };
}
