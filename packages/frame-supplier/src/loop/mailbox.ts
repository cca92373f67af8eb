import type { Clock } from '@vigia/base';
import {
  type ConsumerStatistics,
  type DropCounters,
  type FrameReader,
  framesOf,
  type Lease,
  type MailboxCounters,
  type ReaderEnd,
  type SuppliedFrame,
} from '#contract';
import type { Gate } from './gate.ts';
import { Lending } from './lending.ts';

const IDLE_MS = 30_000;
const STALE_FLOOR_MS = 1_000;
const STALE_INTERVALS = 3;

/**
 * The age from which a frame is stale: max(1 s, 3 source intervals). Frames get that old only when the camera stalls.
 */
export function staleAfterMs(sourceIntervalMs: number): number {
  return Math.max(STALE_FLOOR_MS, STALE_INTERVALS * sourceIntervalMs);
}

/** Internal: only `FrameSupplier.subscribe` creates these options. */
export interface MailboxOptions {
  readonly id: string;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly sourceIntervalMs: () => number;
  readonly onOffer: (() => void) | undefined;
  readonly onEnd: ((end: ReaderEnd) => void) | undefined;
  /** Called once, when this mailbox is closed. */
  readonly onClose: (id: string) => void;
}

/**
 * One consumer's single slot in the supplier's event loop. It holds the newest frame, which overwrites an unread one.
 *
 * There are two ways to read, which must not be mixed:
 *
 * - Hot path: `onOffer` runs inside distribution and must return quickly. `take` passes the frame itself. The consumer
 *   calls `frame.release()` when it no longer needs the pixels, and `settle` when the result is known.
 * - Edge: `next` and `for await` lend frames ({@link Lending}).
 *
 * Either way at most one frame is pending and at most one is in flight.
 */
export class Mailbox<F extends SuppliedFrame> implements FrameReader<F> {
  readonly id: string;
  readonly #o: MailboxOptions;
  readonly #dropped: DropCounters = { gated: 0, overwritten: 0, stale: 0, closed: 0 };
  #pending: F | undefined;
  /** The current time while `offer` runs. */
  #offerMs: number | undefined;
  #offered = 0;
  #delivered = 0;
  #inFlight = false;
  #consecutiveDrops = 0;
  #lastConsumedAtMs: number | undefined;
  #lastConsumedSeq: number | undefined;
  #dueSinceMs: number | undefined;
  readonly #lending = new Lending<F>(this);
  #end: ReaderEnd | undefined;

  constructor(options: MailboxOptions) {
    this.id = options.id;
    this.#o = options;
  }

  get end(): ReaderEnd | undefined {
    return this.#end;
  }

  /** Called by the supplier only. Replaces the pending frame. `nowMs` is the time of its clock. */
  offer(frame: F, nowMs: number): void {
    if (this.#end) return;
    this.#offerMs = nowMs;
    this.#put(frame, nowMs);
    this.#offerMs = undefined;
  }

  #put(frame: F, nowMs: number): void {
    this.#offered += 1;
    const held = this.#pending;
    if (frame.seq < (held?.seq ?? this.#lastConsumedSeq ?? 0)) {
      // A late batch: a newer frame is already pending, or was already taken.
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
    this.#lending.serve();
    this.#callConsumer();
  }

  /** Called by the supplier only. The gate's rate has changed, so the pending frame may be due now. */
  reconsider(): void {
    if (this.#end || !this.#pending) return;
    this.#lending.serve();
    this.#callConsumer();
  }

  /**
   * The time of the current offer, which is exact enough and saves reading the clock; outside an offer, the current
   * time.
   */
  get nowMs(): number {
    return this.#offerMs ?? this.#o.clock.nowMs();
  }

  /** Whether a frame has been taken and is not settled yet. */
  get inFlight(): boolean {
    return this.#inFlight;
  }

  /**
   * Whether the gate lets the pending frame pass, even if the previous one is not settled. Includes a stale frame; call
   * `evictStale` first.
   */
  get hasDue(): boolean {
    return this.#pending !== undefined && this.#o.gate.due(this.#pending.capturedMs);
  }

  /** Drops the pending frame and counts it as `stale` if it is too old. */
  evictStale(): void {
    if (!this.#pending) return;
    const ageMs = this.nowMs - this.#pending.capturedMs;
    if (ageMs > staleAfterMs(this.#o.sourceIntervalMs())) this.#evict('stale');
  }

  /**
   * Evicts a stale frame, then returns the pending frame if it is due. Undefined while the previous frame is not
   * settled. The caller owns the returned reference and must call `settle`.
   */
  take(): F | undefined {
    if (this.#inFlight) return undefined;
    this.evictStale();
    return this.hasDue ? this.takeDue() : undefined;
  }

  /**
   * Like `take`, without checking age and gate again, which would double its cost.
   *
   * Precondition: in this turn, `hasDue` was true after `evictStale`, and nothing is in flight.
   */
  takeDue(): F {
    const frame = this.#pending as F;
    this.#pending = undefined;
    this.#delivered += 1;
    this.#inFlight = true;
    this.#consecutiveDrops = 0;
    this.#dueSinceMs = undefined;
    this.#lastConsumedAtMs = this.nowMs;
    this.#lastConsumedSeq = frame.seq;
    this.#o.gate.taken(frame.capturedMs);
    return frame;
  }

  /** The result of the taken frame is known, or there will be none. Idempotent. */
  settle(): void {
    this.#inFlight = false;
  }

  next(signal?: AbortSignal): Promise<Lease<F> | undefined> {
    return this.#lending.next(signal);
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

  /** Called by the supplier only. Ends the mailbox. Idempotent: the first reason is kept. */
  endWith(end: ReaderEnd): void {
    if (this.#end) return;
    this.#end = end;
    if (this.#pending) this.#evict('closed');
    this.#o.onClose(this.id);
    this.#lending.finish();
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

  /** An exception of one consumer must not affect the others, so it is rethrown in a later turn of the event loop. */
  #callConsumer(): void {
    try {
      this.#o.onOffer?.();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
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
