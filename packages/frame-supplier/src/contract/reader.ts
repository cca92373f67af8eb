import type { Lease } from './lease.ts';

/**
 * Why a reader ended: `stopped` by its supplier (it stopped, or unsubscribed the reader), `closed` by the reader itself,
 * `lost` because the supplier's process or thread is gone without a word.
 */
export type ReaderEnd = 'stopped' | 'closed' | 'lost';

/**
 * One consumer's end of a supplier, the same in the supplier's loop, in a worker thread and in another process (FS2, FS3,
 * FS12).
 *
 * It always gets the newest frame that is due by its gate, newer than the last one it got, and one at a time: a frame is
 * *held* from `next` until its lease is released, and asking while one is held is an error. What was published meanwhile
 * is dropped and counted by the supplier. States: open, then ended for good; `end` tells which and why.
 *
 * A reader belongs to one thread. `next` may be called by one caller at a time; `close` at any time, also while `next`
 * waits, twice, and after the end.
 */
export interface FrameReader<T> extends AsyncIterable<T>, Disposable {
  readonly id: string;
  /** Undefined while open. */
  readonly end: ReaderEnd | undefined;
  /**
   * Waits for the newest due frame. Resolves to undefined at the end.
   *
   * @param signal Gives up waiting; the reader stays usable.
   * @throws the signal's reason; VigiaError `lease_held` while a frame is held, `reader_busy` while another call waits.
   */
  next(signal?: AbortSignal): Promise<Lease<T> | undefined>;
  /**
   * Each frame is lent until the loop asks for the next one, or is left; then it is given back. Leaving the loop does not
   * close the reader. Ends without an error, whatever the reason.
   */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
  /** Leaves: a waiting `next` gets the end, what is pending is counted as `closed`. Idempotent. */
  close(): void;
}

/**
 * A reader that blocks its thread while it waits: for worker threads and processes that do nothing else. The same rules as
 * for {@link FrameReader}.
 */
export interface BlockingFrameReader<T> extends Iterable<T>, Disposable {
  readonly id: string;
  /** Undefined while open. */
  readonly end: ReaderEnd | undefined;
  /**
   * Blocks until the newest due frame is there.
   *
   * @param timeoutMs At most this long. Default: for ever.
   * @returns undefined at the end, or (only with `timeoutMs`, and `end` is undefined then) when nothing came in time.
   * @throws VigiaError `lease_held` while a frame is held.
   */
  nextSync(timeoutMs?: number): Lease<T> | undefined;
  /** Each frame is lent until the loop asks for the next one, or is left. Leaving the loop does not close the reader. */
  [Symbol.iterator](): Generator<T, void, undefined>;
  /** Leaves: what is pending is counted as `closed`. Idempotent. */
  close(): void;
}

/** The frames of a reader, each lent until the next one is asked for. */
export async function* framesOf<T>(reader: Pick<FrameReader<T>, 'next'>): AsyncGenerator<T, void, undefined> {
  for (;;) {
    const lease = await reader.next();
    if (!lease) return;
    try {
      yield lease.frame;
    } finally {
      if (!lease.released) lease.release();
    }
  }
}

/** The same for a reader that blocks. */
export function* framesOfBlocking<T>(reader: Pick<BlockingFrameReader<T>, 'nextSync'>): Generator<T, void, undefined> {
  for (let lease = reader.nextSync(); lease; lease = reader.nextSync()) {
    try {
      yield lease.frame;
    } finally {
      if (!lease.released) lease.release();
    }
  }
}
