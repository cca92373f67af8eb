/** Counters of a pump. At any moment `received = handled + skipped + pending + inHandler`. */
export interface JitCounters {
  readonly received: number;
  /** Calls of the handler that ended, well or not. */
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
  /** Stops: the source is told to return, the pending item is skipped. `done` then resolves once the handler is through. */
  readonly signal?: AbortSignal;
  /** Gives back what an item owns; called for every skipped item, once. */
  readonly discard?: (item: T) => void;
}

/** A running pump. */
export interface JitConsumption {
  /**
   * Resolves when the source is at its end (or was stopped) and the last item was handled.
   *
   * Rejects with what the source or the handler threw; the source is told to return first.
   */
  readonly done: Promise<JitCounters>;
  counters(): JitCounters;
}

/**
 * Turns any buffered source into a fresh one (FS8): pumps it continuously, never waiting for the handler, and calls the
 * handler with the newest item only, one call at a time. A publisher with a buffer can so not feed stale frames.
 *
 * The handler is called in a turn of its own after an item came: what a source has buffered comes out in one turn, and
 * only the newest of it is looked at. An item that the handler got is the handler's to give back.
 *
 * @param source Pulled until its end. Its items are taken over.
 * @param handler May be slow. Gets the signal of the options.
 */
export function consumeJit<T>(
  source: AsyncIterable<T>,
  handler: (item: T, signal: AbortSignal | undefined) => void | Promise<void>,
  options: ConsumeJitOptions<T> = {},
): JitConsumption {
  const pump = new JitPump(source, handler, options);
  return { done: pump.run(), counters: () => pump.counters() };
}

/** Items pulled in a row before other work gets a turn: a source that never really waits would block the loop. */
const PULLS_PER_TURN = 1_024;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class JitPump<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #handler: (item: T, signal: AbortSignal | undefined) => void | Promise<void>;
  readonly #o: ConsumeJitOptions<T>;
  /** Boxed, so that `undefined` is an item like any other. */
  #pending: { readonly item: T } | undefined;
  #received = 0;
  #handled = 0;
  #skipped = 0;
  #inHandler = false;
  #handling: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #halted = false;
  /** Resolves when nothing more will be pulled. Not raced per item: a race leaves a reaction on its loser for ever. */
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
    // Ends by itself, at the latest when the source gives its next item: whoever halts does not wait for that.
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

  /** Stops pulling. The source learns it now, but a source that hangs in its own wait cannot keep us. */
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
