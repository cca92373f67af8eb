import { type Clock, VigiaError } from '@vigia/base';
import type { MailboxCounters, ReaderEnd, SuppliedFrame } from '#contract';
import { type FrameSupplier, type Mailbox, staleAfterMs } from '#loop';
import type { SlotLease } from '#segment';
import type { Rendered } from './rendered.ts';
import type { ReaderPageView } from './reader-page.ts';
import type { SeatTableWriter } from './seat-table.ts';

/** Outcomes of the frames delivered to a seat. `delivered = Σ results + inFlight`, exactly, at any moment. */
export interface SeatResults {
  /** Given back in time and whole. */
  ok: number;
  /** Given back unused: overtaken while the reader slept, stale, or rewritten while being read. */
  expired: number;
  /** Held longer than the read deadline. */
  timeout: number;
  /** In flight when the reader left or died. */
  unavailable: number;
  /** Rendering failed. */
  error: number;
}

/** Counts of one reader in another thread or process. */
export interface SeatReport {
  readonly counters: MailboxCounters;
  readonly results: Readonly<SeatResults>;
  /** 0 or 1. */
  readonly inFlight: number;
}

/**
 * A seat's connection to its reader, implemented by each transport. Called during distribution: must be quick and must
 * not throw.
 */
export interface SeatLink {
  /** Called before each offer with the segment of the offer. */
  readonly useSegment?: (epoch: number) => void;
  /** Makes the reader evaluate its seat. Never waits. */
  readonly wake: () => void;
}

/** A delivery that has not been given back. */
interface Flight {
  readonly lease: SlotLease;
  readonly sinceMs: number;
  /**
   * The reader's count of useless deliveries at the time of this one: a different count afterwards shows its outcome.
   */
  readonly expiredBefore: number;
}

/** Internal options of a seat; only FrameRing.seat creates them. */
interface SeatOptions<F extends SuppliedFrame> {
  readonly id: string;
  readonly index: number;
  readonly fps?: number;
  readonly page: ReaderPageView;
  readonly link: SeatLink;
  readonly supplier: FrameSupplier<F>;
  readonly table: SeatTableWriter;
  readonly clock: Clock;
  readonly readDeadlineMs: number;
  readonly onError: (error: unknown) => void;
  readonly ring: {
    rendered(frame: F): Rendered;
    announce(): void;
    vacate(index: number, id: string, report: SeatReport): void;
  };
}

/**
 * The supplier's end of one reader in another thread or process: a mailbox with a remote consumer.
 *
 * Never waits. It reads the reader's page when a frame was put into the mailbox and when the reader rang, and offers a
 * frame when the reader requested one. A reader that died, stopped or never reads therefore costs one check per frame.
 */
export class Seat<F extends SuppliedFrame> {
  readonly id: string;
  readonly index: number;
  readonly #o: SeatOptions<F>;
  readonly #mailbox: Mailbox<F>;
  readonly #results: SeatResults = { ok: 0, expired: 0, timeout: 0, unavailable: 0, error: 0 };
  /** As in the table: wraps. */
  #delivered = 0;
  #wanted = false;
  #flight: Flight | undefined;
  #gone = false;

  constructor(options: SeatOptions<F>) {
    this.id = options.id;
    this.index = options.index;
    this.#o = options;
    options.table.open(options.index);
    try {
      this.#mailbox = options.supplier.subscribe(options.id, {
        ...(options.fps === undefined ? {} : { fps: options.fps }),
        onOffer: () => this.evaluate(),
        costly: true,
        onEnd: () => this.#onMailboxEnd(),
      });
    } catch (error) {
      options.table.free(options.index);
      throw error;
    }
  }

  /** Reads the reader's page, and offers the newest frame if there is one and the reader wants it. */
  evaluate(): void {
    if (this.#gone || this.#mailbox.end) return;
    this.#mailbox.evictStale();
    const due = this.#mailbox.hasDue;
    let asked = due && this.#asked;
    if (!asked) {
      // SYNC R: store first, then load again, so that a reader that becomes ready just now is not missed.
      this.#setWanted(due);
      asked = due && this.#asked;
    }
    if (asked) this.#deliver();
    else this.#collect();
  }

  /** Unsubscribes the reader: it gets the end. Its seat stays taken until the reader has left. Idempotent. */
  stop(): void {
    this.#mailbox.endWith('stopped');
  }

  /** The reader has left: its frame is given back and counted, its seat is freed. Idempotent. */
  readerGone(end: ReaderEnd = 'closed'): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#collect();
    this.#mailbox.endWith(end);
    this.#settle('unavailable');
    this.#o.page.close();
    this.#o.ring.vacate(this.index, this.id, this.report());
  }

  /** A consistent copy of the counts. */
  report(): SeatReport {
    return { counters: this.#mailbox.counters(), results: { ...this.#results }, inFlight: this.#flight ? 1 : 0 };
  }

  /** Whether the reader waits for a frame and holds none. */
  get #asked(): boolean {
    const { page } = this.#o;
    return page.settled === this.#delivered && page.ready === (this.#delivered + 1) >>> 0;
  }

  #setWanted(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#o.table.setWanted(this.index, wanted);
  }

  /** Settles a frame that the reader gave back or held for too long. */
  #collect(): void {
    const flight = this.#flight;
    if (!flight) return;
    const { page, clock, readDeadlineMs } = this.#o;
    if (page.settled === this.#delivered) this.#settle(page.expired === flight.expiredBefore ? 'ok' : 'expired');
    else if (clock.nowMs() - flight.sinceMs > readDeadlineMs) this.#settle('timeout');
  }

  #settle(result: keyof SeatResults): void {
    const flight = this.#flight;
    if (!flight) return;
    this.#flight = undefined;
    this.#mailbox.settle();
    this.#count(flight, result);
  }

  #count(flight: Flight, result: keyof SeatResults): void {
    this.#results[result] += 1;
    flight.lease.release();
  }

  #deliver(): void {
    const { table, page, supplier, link } = this.#o;
    const { expired } = page;
    // A reader that requests a frame has given back the one it held, possibly since the last check. The mailbox is
    // notified now, the outcome is counted later.
    const before = this.#flight;
    this.#flight = undefined;
    this.#mailbox.settle();
    const sinceMs = this.#mailbox.nowMs;
    const frame = this.#mailbox.takeDue();
    let rendered: Rendered | undefined;
    let failure: { readonly error: unknown } | undefined;
    try {
      rendered = this.#o.ring.rendered(frame);
    } catch (error) {
      failure = { error };
    }
    if (rendered) {
      const { lease, segment } = rendered;
      this.#flight = { lease, sinceMs, expiredBefore: expired };
      this.#delivered = (this.#delivered + 1) >>> 0;
      this.#wanted = false;
      link.useSegment?.(segment.epoch);
      table.offer(
        this.index,
        this.#delivered,
        lease,
        segment.epoch,
        frame.capturedMs + staleAfterMs(supplier.sourceIntervalMs),
      );
      link.wake();
    }
    // The reader has been woken: do the work that it need not wait for.
    this.#o.ring.announce();
    if (before) this.#count(before, expired === before.expiredBefore ? 'ok' : 'expired');
    if (failure) this.#fail(frame.seq, failure.error);
    frame.release();
  }

  /** The reader still waits: it gets the next frame. */
  #fail(seq: number, error: unknown): void {
    this.#results.error += 1;
    this.#mailbox.settle();
    const known = error instanceof VigiaError;
    const message = `reader ${this.id}: frame ${seq} could not be rendered`;
    this.#o.onError(known ? error : new VigiaError('render', message, { cause: error }));
  }

  #onMailboxEnd(): void {
    this.#collect();
    this.#settle('unavailable');
    this.#o.table.end(this.index);
    this.#o.link.wake();
  }
}
