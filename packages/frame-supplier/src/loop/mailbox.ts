import type { Clock } from '@vigia/base';
import {
  type ConsumerStatistics,
  type DropCounters,
  type FrameReader,
  framesOf,
  type Lease,
  leaseHeld,
  lend,
  type MailboxCounters,
  type ReaderEnd,
  readerBusy,
  type SuppliedFrame,
} from '#contract';
import type { Gate } from './gate.ts';

const IDLE_MS = 30_000;
const STALE_FLOOR_MS = 1_000;
const STALE_INTERVALS = 3;

/** How old a frame may be and still be taken: max(1 s, 3 source intervals), which only a stalled camera exceeds. */
export function staleAfterMs(sourceIntervalMs: number): number {
  return Math.max(STALE_FLOOR_MS, STALE_INTERVALS * sourceIntervalMs);
}

/** Internal options of a mailbox: built by FrameSupplier.subscribe only. */
export interface MailboxOptions {
  readonly id: string;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly sourceIntervalMs: () => number;
  readonly onOffer: (() => void) | undefined;
  readonly onEnd: ((end: ReaderEnd) => void) | undefined;
  /** Tells the supplier that this mailbox is gone. */
  readonly onClose: (id: string) => void;
}

interface Waiter<F> {
  readonly resolve: (lease: Lease<F> | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * One consumer's single slot in the supplier's own event loop: always the newest frame, overwritten without asking.
 *
 * Two ways to read, not to be mixed. At the edge: `next` and `for await`, which lend frames. On the hot path: `onOffer`
 * tells (inside distribution: be quick), `take` gives the frame itself at the last moment, the taker calls
 * `frame.release()` when it is done with the pixels and `settle` when the result is known. Either way at most one frame
 * is pending and at most one in flight.
 */
export class Mailbox<F extends SuppliedFrame> implements FrameReader<F> {
  readonly id: string;
  readonly #o: MailboxOptions;
  readonly #dropped: DropCounters = { gated: 0, overwritten: 0, stale: 0, closed: 0 };
  #pending: F | undefined;
  /** The time while `offer` runs. */
  #offerMs: number | undefined;
  #offered = 0;
  #delivered = 0;
  #inFlight = false;
  #consecutiveDrops = 0;
  #lastConsumedAtMs: number | undefined;
  #lastConsumedSeq: number | undefined;
  #dueSinceMs: number | undefined;
  #waiter: Waiter<F> | undefined;
  /** The signal listened to: kept from call to call, so that a read adds no listener. */
  #signal: AbortSignal | undefined;
  #end: ReaderEnd | undefined;

  constructor(options: MailboxOptions) {
    this.id = options.id;
    this.#o = options;
  }

  get end(): ReaderEnd | undefined {
    return this.#end;
  }

  /** Called by the supplier only: puts a frame in, evicting what is there. `nowMs` is its clock's time. */
  offer(frame: F, nowMs: number): void {
    if (this.#end) return;
    this.#offerMs = nowMs;
    this.#put(frame, nowMs);
    this.#offerMs = undefined;
  }

  #put(frame: F, nowMs: number): void {
    this.#offered += 1;
    const held = this.#pending;
    if (held && held.seq > frame.seq) {
      // A late batch: a newer frame is here already.
      this.#drop('overwritten');
      return;
    }
    if (held) {
      this.#drop(this.#o.gate.due(held.capturedMs) ? 'overwritten' : 'gated');
      held.release();
    }
    frame.retain();
    this.#pending = frame;
    if (this.#dueSinceMs === undefined && this.#o.gate.due(frame.capturedMs)) this.#dueSinceMs = nowMs;
    if (this.#waiter) this.#serveWaiter(this.#waiter);
    this.#tell();
  }

  /** Called by the supplier only: the gate has another rate, so what is pending may be due now. */
  reconsider(): void {
    if (this.#end || !this.#pending) return;
    if (this.#waiter) this.#serveWaiter(this.#waiter);
    this.#tell();
  }

  /** The time, as read for the offer that is being made, or now. */
  get nowMs(): number {
    return this.#now();
  }

  /** Whether `take` would deliver now. Drops a pending frame that went stale, and counts it. */
  hasDue(): boolean {
    return !this.#inFlight && this.hasDuePending();
  }

  /** Whether a due frame is pending, be it that the one before is not settled yet. Drops a stale one, and counts it. */
  hasDuePending(): boolean {
    const frame = this.#pending;
    if (!frame) return false;
    if (this.#now() - frame.capturedMs > staleAfterMs(this.#o.sourceIntervalMs())) {
      this.#evict('stale');
      return false;
    }
    return this.#o.gate.due(frame.capturedMs);
  }

  /**
   * The newest frame if it is due, else undefined; undefined too while the one before is not settled. The caller owns the
   * reference it gets, and owes a `settle`.
   */
  take(): F | undefined {
    return this.#end || !this.hasDue() ? undefined : this.takeDue();
  }

  /** The same for who has just seen `hasDue`: a second look would cost as much as all the rest. */
  takeDue(): F {
    const frame = this.#pending as F;
    this.#pending = undefined;
    this.#delivered += 1;
    this.#inFlight = true;
    this.#consecutiveDrops = 0;
    this.#dueSinceMs = undefined;
    this.#lastConsumedAtMs = this.#now();
    this.#lastConsumedSeq = frame.seq;
    this.#o.gate.taken(frame.capturedMs);
    return frame;
  }

  /** Tells that the result of the taken frame is known, or that there will be none. Idempotent. */
  settle(): void {
    this.#inFlight = false;
  }

  next(signal?: AbortSignal): Promise<Lease<F> | undefined> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#end) return Promise.resolve(undefined);
    if (this.#waiter) return Promise.reject(readerBusy(this.id));
    if (this.#inFlight) return Promise.reject(leaseHeld(this.id));
    const frame = this.take();
    if (frame) return Promise.resolve(this.#lend(frame));
    this.#listen(signal);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  [Symbol.asyncIterator](): AsyncGenerator<F, void, undefined> {
    return framesOf(this);
  }

  close(): void {
    this.endWith('closed');
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Called by the supplier only: the end, for the reason given. Idempotent: the first reason stays. */
  endWith(end: ReaderEnd): void {
    if (this.#end) return;
    this.#end = end;
    if (this.#pending) this.#evict('closed');
    this.#o.onClose(this.id);
    this.#listen(undefined);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve(undefined);
    this.#o.onEnd?.(end);
  }

  /** A consistent copy of the counters. */
  counters(): MailboxCounters {
    return {
      offered: this.#offered,
      delivered: this.#delivered,
      pending: this.#pending ? 1 : 0,
      dropped: { ...this.#dropped },
    };
  }

  /** See {@link ConsumerStatistics}. */
  statistics(): ConsumerStatistics {
    const { overwritten, stale, closed } = this.#dropped;
    const limitMs = Math.max(IDLE_MS, 3 * this.#o.gate.intervalMs);
    const unreadMs = this.#dueSinceMs === undefined ? 0 : this.#o.clock.nowMs() - this.#dueSinceMs;
    return {
      lastConsumedAtMs: this.#lastConsumedAtMs,
      lastConsumedSeq: this.#lastConsumedSeq,
      consecutiveDrops: this.#consecutiveDrops,
      totalDrops: overwritten + stale + closed,
      isIdle: !this.#inFlight && unreadMs >= limitMs,
    };
  }

  /** Inside distribution the time of the offer will do, and costs nothing. */
  #now(): number {
    return this.#offerMs ?? this.#o.clock.nowMs();
  }

  #serveWaiter(waiter: Waiter<F>): void {
    const frame = this.take();
    if (!frame) return;
    this.#waiter = undefined;
    waiter.resolve(this.#lend(frame));
  }

  #lend(frame: F): Lease<F> {
    return lend(this.id, frame, this.#giveBack);
  }

  readonly #giveBack = (frame: F): void => {
    this.settle();
    frame.release();
  };

  /** A consumer that throws must not leave the others unserved: its error becomes an uncaught one, in a turn of its own. */
  #tell(): void {
    try {
      this.#o.onOffer?.();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  }

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

  #evict(cause: keyof DropCounters): void {
    this.#pending?.release();
    this.#pending = undefined;
    this.#drop(cause);
  }

  #drop(cause: keyof DropCounters): void {
    this.#dropped[cause] += 1;
    if (cause !== 'gated') this.#consecutiveDrops += 1;
  }
}
