import { type Lease, leaseHeld, lend, type ReaderEnd, readerBusy, type SuppliedFrame } from '#contract';

/** The slot that {@link Lending} reads from. */
export interface LendingSource<F> {
  readonly id: string;
  readonly end: ReaderEnd | undefined;
  /** Whether a taken frame is not settled. */
  readonly inFlight: boolean;
  take(): F | undefined;
  settle(): void;
}

interface Waiter<F> {
  readonly resolve: (lease: Lease<F> | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The reading mode of a mailbox that lends frames: one caller of `next` at a time waits for a frame and gives it back with
 * its lease. The mailbox calls `serve` when a frame may be due, and `finish` at the end.
 */
export class Lending<F extends SuppliedFrame> {
  readonly #source: LendingSource<F>;
  #waiter: Waiter<F> | undefined;
  /** The signal listened to: kept from call to call, so that a read adds no listener. */
  #signal: AbortSignal | undefined;

  constructor(source: LendingSource<F>) {
    this.#source = source;
  }

  /** See `FrameReader.next`. */
  next(signal: AbortSignal | undefined): Promise<Lease<F> | undefined> {
    const { id, end, inFlight } = this.#source;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (end) return Promise.resolve(undefined);
    if (this.#waiter) return Promise.reject(readerBusy(id));
    if (inFlight) return Promise.reject(leaseHeld(id));
    const frame = this.#source.take();
    if (frame) return Promise.resolve(this.#lend(frame));
    this.#listen(signal);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Gives the waiting caller a frame, if there is a caller and a due frame. */
  serve(): void {
    const waiter = this.#waiter;
    const frame = waiter && this.#source.take();
    if (!frame) return;
    this.#waiter = undefined;
    waiter.resolve(this.#lend(frame));
  }

  /** The waiting caller gets the end. */
  finish(): void {
    this.#listen(undefined);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve(undefined);
  }

  #lend(frame: F): Lease<F> {
    return lend(this.#source.id, frame, this.#giveBack);
  }

  readonly #giveBack = (frame: F): void => {
    this.#source.settle();
    frame.release();
  };

  #listen(signal: AbortSignal | undefined): void {
    if (this.#signal === signal) return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => {
    const waiter = this.#waiter;
    const reason: unknown = this.#signal?.reason;
    this.#signal = undefined;
    this.#waiter = undefined;
    waiter?.reject(reason);
  };
}
