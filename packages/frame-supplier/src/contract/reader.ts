import type { Lease } from './lease.ts';

/**
 * Why a reader ended: `stopped` by its supplier (which stopped, or unsubscribed the reader), `closed` by the reader
 * itself, `lost` because the supplier's process or thread died.
 */
export type ReaderEnd = 'stopped' | 'closed' | 'lost';

/**
 * One consumer's end of a supplier, with the same semantics in the supplier's event loop, in a worker thread and in
 * another process (FS2, FS3, FS12).
 *
 * It always gets the newest frame that is due by its gate and newer than its last one. A frame is *held* from `next`
 * until its lease is released; requesting another one meanwhile is an error. Frames published in between are dropped
 * and counted by the supplier. States: open, then ended; `end` is the reason.
 *
 * A reader belongs to one thread. `next` admits one caller at a time; `close` may be called at any time: while `next`
 * waits, twice, and after the end.
 */
export interface FrameReader<T> extends AsyncIterable<T>, Disposable {
  readonly id: string;
  /** Undefined while open. */
  readonly end: ReaderEnd | undefined;
  /**
   * Waits for the newest due frame. Resolves to undefined at the end.
   *
   * @param signal Ends the wait; the reader stays usable.
   * @throws the signal's reason; VigiaError `lease_held` while a frame is held, `reader_busy` while another call waits.
   */
  next(signal?: AbortSignal): Promise<Lease<T> | undefined>;
  /**
   * Each frame is lent until the loop requests the next one or is left. Leaving the loop does not close the reader.
   * Ends without an error, for any reason.
   */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;
  /** Closes the reader: a waiting `next` gets the end, a pending frame is counted as `closed`. Idempotent. */
  close(): void;
}

/**
 * A reader that blocks its thread while it waits, for worker threads and processes with no other work. Otherwise like
 * {@link FrameReader}.
 */
export interface BlockingFrameReader<T> extends Iterable<T>, Disposable {
  readonly id: string;
  /** Undefined while open. */
  readonly end: ReaderEnd | undefined;
  /**
   * Blocks until a frame is due.
   *
   * @param timeoutMs At most this long. Default: no limit.
   * @returns the newest due frame; undefined at the end and, with `timeoutMs`, after the timeout (`end` is undefined
   *   then).
   * @throws VigiaError `lease_held` while a frame is held.
   */
  nextSync(timeoutMs?: number): Lease<T> | undefined;
  /** Each frame is lent until the loop requests the next one or is left. Leaving the loop does not close the reader. */
  [Symbol.iterator](): Generator<T, void, undefined>;
  /** Closes the reader: a pending frame is counted as `closed`. Idempotent. */
  close(): void;
}

/** The frames of a reader, each lent until the next one is requested. */
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
