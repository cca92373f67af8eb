import { type Clock, VigiaError } from '@vigia/base';
import { SEATS_HEARTBEAT_MS } from '@vigia/contracts';
import { type Lease, leaseHeld, lend, type ReaderEnd, readerBusy } from '#contract';
import type { FrameSegmentReader } from '#segment';
import type { ReaderPage } from './reader-page.ts';
import type { Offer, SeatView } from './seat-table.ts';
import { SharedFrame } from './shared-frame.ts';

/** What a transport provides to a {@link SeatReader}. */
export interface SeatReaderOptions {
  readonly id: string;
  readonly view: SeatView;
  readonly page: ReaderPage;
  readonly clock: Clock;
  /** A supplier without a heartbeat for this long is lost. Milliseconds. */
  readonly lostMs: number;
  /** The mapped segment of that epoch; undefined when it does not exist (any more). May throw `frame_invalid`. */
  readonly openSegment: (epoch: number) => FrameSegmentReader | undefined;
  /** Makes the supplier read this reader's page. */
  readonly tell: () => void;
  /** Blocks until the bell rings or the time is over. */
  readonly waitSync: (bell: number, timeoutMs: number) => void;
  /** Checked when a slice of waiting passed without a ring: whether the connection to the supplier is closed. */
  readonly isSupplierGone: () => boolean;
  /**
   * Arranges that `wake` is called when the bell's value differs from this one. Called each time `next` starts to wait.
   */
  readonly watch: (bell: number) => void;
  /** Called once, at the end: releases what the transport owns. */
  readonly onEnd: (end: ReaderEnd) => void;
}

/** Counts of a reader, at its own end. */
export interface SeatReaderStatistics {
  /** Frames passed to the user. */
  readonly delivered: number;
  /** Useless offers given back, and frames that were rewritten while they were held. */
  readonly expired: number;
  readonly lastSeq: number | undefined;
}

/**
 * Interval at which a blocking wait checks the supplier's heartbeat, milliseconds: a supplier that was killed wakes no
 * reader.
 */
const WAIT_SLICE_MS = 500;

interface Waiter {
  readonly resolve: (lease: Lease<SharedFrame> | undefined) => void;
  readonly reject: (reason: unknown) => void;
  declined: boolean;
}

/**
 * The reader's end of a seat: the protocol of docs/protocol/frame-readers.md, over any transport. Transports wrap it.
 */
export class SeatReader {
  readonly id: string;
  readonly #o: SeatReaderOptions;
  #segment: FrameSegmentReader | undefined;
  #held = false;
  #asking = false;
  #waiter: Waiter | undefined;
  /** An outdated heartbeat, and when it was first seen. */
  #silence: { readonly heartbeatMs: number; readonly sinceMs: number } | undefined;
  /** The current signal, kept from call to call so that a read adds no listener. */
  #signal: AbortSignal | undefined;
  #end: ReaderEnd | undefined;
  #delivered = 0;
  #expired = 0;
  #lastSeq: number | undefined;

  constructor(options: SeatReaderOptions) {
    this.id = options.id;
    this.#o = options;
  }

  get end(): ReaderEnd | undefined {
    return this.#end;
  }

  /** See FrameReader.next; also rejects with `frame_invalid` when the segment is not of this version. */
  next(signal?: AbortSignal): Promise<Lease<SharedFrame> | undefined> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#end) return Promise.resolve(undefined);
    if (this.#waiter) return Promise.reject(readerBusy(this.id));
    if (this.#held) return Promise.reject(leaseHeld(this.id));
    this.#ask();
    this.#listen(signal);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject, declined: false };
      this.wake();
    });
  }

  /** See BlockingFrameReader.nextSync. */
  nextSync(timeoutMs: number = Number.POSITIVE_INFINITY): Lease<SharedFrame> | undefined {
    if (this.#end) return undefined;
    if (this.#waiter) throw readerBusy(this.id);
    if (this.#held) throw leaseHeld(this.id);
    this.#ask();
    const { clock, view } = this.#o;
    const untilMs = clock.nowMs() + timeoutMs;
    const attempt = { declined: false };
    for (;;) {
      const bell = view.bell;
      const lease = this.#poll(attempt);
      if (lease || this.#end) return lease;
      const nowMs = clock.nowMs();
      if (this.#isLost(nowMs)) this.finish('lost');
      else if (nowMs >= untilMs) return undefined;
      else {
        this.#o.waitSync(bell, Math.min(WAIT_SLICE_MS, untilMs - nowMs));
        if (view.bell === bell && this.#o.isSupplierGone()) this.supplierGone();
      }
    }
  }

  /** Evaluates the seat again: call it when the bell may have rung. */
  wake(): void {
    if (this.#end) return;
    const waiter = this.#waiter;
    if (!waiter) {
      if (!this.#o.view.open) this.finish('stopped');
      return;
    }
    const bell = this.#o.view.bell;
    try {
      const lease = this.#poll(waiter);
      if (!lease && !this.#end) this.#o.watch(bell);
      if (!lease) return;
      this.#waiter = undefined;
      waiter.resolve(lease);
    } catch (error) {
      this.#waiter = undefined;
      waiter.reject(error);
    }
  }

  /** The supplier's thread or process ended or closed the connection, with or without announcing it. */
  supplierGone(): void {
    if (!this.#end) this.finish(this.#o.view.open ? 'lost' : 'stopped');
  }

  /** Ends the reader, for the given reason. Idempotent: the first reason stays. */
  finish(end: ReaderEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#listen(undefined);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#o.onEnd(end);
    // A frame that is still held reads zeros from here on, and is not whole.
    this.#segment?.close();
    this.#o.view.close();
    this.#o.page.close();
    waiter?.resolve(undefined);
  }

  statistics(): SeatReaderStatistics {
    return { delivered: this.#delivered, expired: this.#expired, lastSeq: this.#lastSeq };
  }

  /**
   * Silent for long, and still so one heartbeat later: when both processes were suspended, the supplier gets time for a
   * heartbeat.
   */
  #isLost(nowMs: number): boolean {
    const { heartbeatMs } = this.#o.view;
    if (nowMs - heartbeatMs <= this.#o.lostMs) return false;
    if (this.#silence?.heartbeatMs !== heartbeatMs) this.#silence = { heartbeatMs, sinceMs: nowMs };
    return nowMs - this.#silence.sinceMs >= SEATS_HEARTBEAT_MS;
  }

  /** One request at a time: an aborted call left its own behind. */
  #ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    this.#o.page.ask();
    // SYNC R: store first, then load.
    if (this.#o.view.wanted) this.#o.tell();
  }

  /** The offer, if there is a valid one. */
  #poll(attempt: { declined: boolean }): Lease<SharedFrame> | undefined {
    const { view, page } = this.#o;
    for (;;) {
      if (!view.open) {
        this.finish('stopped');
        return undefined;
      }
      if (view.delivered !== page.ready) return undefined;
      const offer = view.offer();
      const frame = this.#acceptable(offer, attempt) ? this.#frameOrThrow(offer) : undefined;
      if (frame) return this.#lend(frame);
      this.#decline();
      this.#ask();
    }
  }

  #decline(): void {
    this.#asking = false;
    this.#expired += 1;
    this.#o.page.settle(false);
  }

  /**
   * Whether to take the offer. `wanted` beside an offer means that it was overtaken: the reader slept, or was
   * suspended, while newer frames arrived. Declined once per call only, so that a flood of frames cannot starve the
   * reader.
   */
  #acceptable(offer: Offer, attempt: { declined: boolean }): boolean {
    if (this.#o.clock.nowMs() >= offer.staleFromMs) return false;
    if (attempt.declined || !this.#o.view.wanted) return true;
    attempt.declined = true;
    return false;
  }

  #frameOf(offer: Offer): SharedFrame | undefined {
    if (this.#segment?.epochNumber !== offer.epoch) {
      this.#segment?.close();
      this.#segment = undefined;
      this.#segment = this.#o.openSegment(offer.epoch);
    }
    const segment = this.#segment;
    if (segment?.epochNumber !== offer.epoch) return undefined;
    if (offer.slot >= segment.slots || offer.generation === 0 || offer.generation % 2 === 1)
      throw new VigiaError('frame_invalid', `reader ${this.id}: slot ${offer.slot} was offered, which cannot be`, {
        path: segment.path,
      });
    const view = segment.view(offer.slot, offer.generation);
    return view ? new SharedFrame(view, segment, offer.slot, offer.generation) : undefined;
  }

  /** An invalid segment is reported to the caller; the offer in it is given back first. */
  #frameOrThrow(offer: Offer): SharedFrame | undefined {
    try {
      return this.#frameOf(offer);
    } catch (error) {
      this.#decline();
      throw error;
    }
  }

  #lend(frame: SharedFrame): Lease<SharedFrame> {
    this.#asking = false;
    this.#held = true;
    this.#delivered += 1;
    this.#lastSeq = frame.seq;
    this.#o.page.took(frame.seq);
    return lend(this.id, frame, this.#giveBack);
  }

  readonly #giveBack = (frame: SharedFrame): void => {
    const whole = frame.giveBack();
    this.#held = false;
    if (this.#end) return;
    if (!whole) this.#expired += 1;
    this.#o.page.settle(whole);
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
