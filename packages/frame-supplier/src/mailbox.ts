import { type Clock, VigiaError } from '@vigia/base';
import type { Gate } from './gate.ts';

/**
 * What a supplier hands out: immutable, shared, reference-counted. The supplier writes `seq` once, at publish; nothing
 * else ever changes.
 */
export interface SuppliedFrame {
  /** Publish sequence, 1, 2, 3 …, without gaps. 0 before publish. */
  seq: number;
  /** Monotonic milliseconds. */
  readonly capturedMs: number;
  /** Adds a reference. */
  retain(): void;
  /** Gives a reference back; the last one frees the pixels. */
  release(): void;
}

/** Why a frame that was offered was never delivered. */
export interface DropCounters {
  /** Its gate was not due. Not a drop in the sense of an SLA. */
  gated: number;
  /** Due, but the consumer was busy when a newer one came. */
  overwritten: number;
  /** Too old to be worth taking: only a stalled camera can cause it. */
  stale: number;
  /** Pending when the consumer left. */
  closed: number;
}

/**
 * Counters of one consumer. At any moment `offered = delivered + Σ dropped + pending` (AD2). Each term is counted at its
 * own event.
 */
export interface MailboxCounters {
  /** Frames published while subscribed. */
  offered: number;
  /** Frames taken. */
  delivered: number;
  /** 0 or 1. */
  pending: number;
  dropped: DropCounters;
}

/** For operation (FS6). Times are monotonic milliseconds. */
export interface ReaderStats {
  readonly lastConsumedAtMs: number | undefined;
  readonly lastConsumedSeq: number | undefined;
  /** Drops (without gated ones) since the last take. */
  readonly consecutiveDrops: number;
  /** Drops without gated ones. */
  readonly totalDrops: number;
  /** Nothing in flight, and a due frame pending unread for max(30 s, 3 gate intervals). */
  readonly isIdle: boolean;
}

const IDLE_MS = 30_000;
const STALE_FLOOR_MS = 1_000;
const STALE_INTERVALS = 3;

/** Internal options of a mailbox: built by FrameSupplier.subscribe only. */
export interface MailboxOptions {
  readonly id: string;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly sourceIntervalMs: () => number;
  readonly onOffer: (() => void) | undefined;
  readonly onClose: (id: string) => void;
}

/**
 * One consumer's single slot: always the newest frame, overwritten without asking.
 *
 * A consumer in the same loop is told by `onOffer` (called inside distribution: it must be quick and must not throw) and
 * takes at the last moment; `next` is the same as a promise. Frames come out in publish order, never backwards. A taken
 * frame belongs to the taker: `release` it, and call `settle` when its result is known.
 */
export class Mailbox<F extends SuppliedFrame> {
  readonly id: string;
  readonly #o: MailboxOptions;
  readonly #dropped: DropCounters = { gated: 0, overwritten: 0, stale: 0, closed: 0 };
  #pending: F | undefined;
  #offered = 0;
  #delivered = 0;
  #inFlight = 0;
  #consecutiveDrops = 0;
  #lastConsumedAtMs: number | undefined;
  #lastConsumedSeq: number | undefined;
  #dueSinceMs: number | undefined;
  #waiter: (() => void) | undefined;
  #closed = false;

  constructor(options: MailboxOptions) {
    this.id = options.id;
    this.#o = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Called by the supplier only: puts a frame in, evicting what is there. */
  offer(frame: F): void {
    if (this.#closed) return;
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
    if (this.#dueSinceMs === undefined && this.#o.gate.due(frame.capturedMs)) this.#dueSinceMs = this.#o.clock.nowMs();
    this.#o.onOffer?.();
    this.#waiter?.();
  }

  /** Whether `take` would deliver now. Drops a pending frame that went stale, and counts it. */
  hasDue(): boolean {
    const frame = this.#pending;
    if (!frame) return false;
    if (
      this.#o.clock.nowMs() - frame.capturedMs >
      Math.max(STALE_FLOOR_MS, STALE_INTERVALS * this.#o.sourceIntervalMs())
    ) {
      this.#evict('stale');
      return false;
    }
    return this.#o.gate.due(frame.capturedMs);
  }

  /** The newest frame if it is due, else undefined. The caller owns the reference it gets. */
  take(): F | undefined {
    if (this.#closed || !this.hasDue()) return undefined;
    const frame = this.#pending as F;
    this.#pending = undefined;
    this.#delivered += 1;
    this.#inFlight += 1;
    this.#consecutiveDrops = 0;
    this.#dueSinceMs = undefined;
    this.#lastConsumedAtMs = this.#o.clock.nowMs();
    this.#lastConsumedSeq = frame.seq;
    this.#o.gate.taken(frame.capturedMs);
    return frame;
  }

  /** Tells that the result of a taken frame is known (or that there will be none). */
  settle(): void {
    if (this.#inFlight > 0) this.#inFlight -= 1;
  }

  /**
   * Waits for a due frame newer than the last one taken, and takes it. Resolves to undefined when the mailbox or its
   * supplier is closed. At most one caller may wait at a time.
   *
   * @throws the signal's reason when aborted; VigiaError `reader_busy` for a second waiter.
   */
  next(signal?: AbortSignal): Promise<F | undefined> {
    const ready = this.take();
    if (ready || this.#closed) return Promise.resolve(ready);
    if (this.#waiter)
      return Promise.reject(new VigiaError('reader_busy', `${this.id}: someone waits for a frame already`));
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#waiter = undefined;
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        done();
        reject(signal?.reason);
      };
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      this.#waiter = () => {
        const frame = this.take();
        if (!frame && !this.#closed) return;
        done();
        resolve(frame);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Unsubscribes: the pending frame becomes `closed`, a waiting reader gets the end. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending) this.#evict('closed');
    this.#o.onClose(this.id);
    this.#waiter?.();
  }

  [Symbol.dispose](): void {
    this.close();
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

  /** See {@link ReaderStats}. */
  stats(): ReaderStats {
    const { overwritten, stale, closed } = this.#dropped;
    const limitMs = Math.max(IDLE_MS, 3 * this.#o.gate.intervalMs);
    const unreadMs = this.#dueSinceMs === undefined ? 0 : this.#o.clock.nowMs() - this.#dueSinceMs;
    return {
      lastConsumedAtMs: this.#lastConsumedAtMs,
      lastConsumedSeq: this.#lastConsumedSeq,
      consecutiveDrops: this.#consecutiveDrops,
      totalDrops: overwritten + stale + closed,
      isIdle: this.#inFlight === 0 && unreadMs >= limitMs,
    };
  }

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
