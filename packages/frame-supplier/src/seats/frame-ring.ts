import { type Clock, VigiaError } from '@vigia/base';
import type { SuppliedFrame } from '#contract';
import type { FrameSupplier } from '#loop';
import { type FrameSegmentWriter, type FrameShape, SlotRing } from '#segment';
import type { ReaderPageView } from './reader-page.ts';
import type { Rendered, WrittenSegment } from './rendered.ts';
import { Seat, type SeatLink, type SeatReport } from './seat.ts';
import type { SeatTableWriter } from './seat-table.ts';

/** How pictures get into shared memory: the part of a ring that depends on the frame type. */
export interface Rendition<F> {
  /** Shape of the first segment, whose memory is allocated when the ring is opened. */
  readonly shape: FrameShape;
  /**
   * The shape of this frame. A new size or format creates a new segment. Called once per rendered frame; return the
   * same object while nothing changes. Default: `shape`.
   */
  readonly shapeOf?: (frame: F) => FrameShape;
  /** Writes the frame's pixels: `byteLength` bytes of the slot, which still contains an older frame. May throw. */
  readonly render: (frame: F, pixels: Buffer) => void;
  /** Wall time of capture in ms since 1970, and the stream's own clock in whole µs, where known. Default: 0. */
  readonly stampsOf?: (frame: F) => { readonly capturedWallMs: number; readonly ptsUs: number };
}

/** Options of {@link FrameRing}. */
export interface FrameRingOptions<F extends SuppliedFrame> {
  readonly supplier: FrameSupplier<F>;
  readonly clock: Clock;
  readonly table: SeatTableWriter;
  readonly rendition: Rendition<F>;
  /** Creates a segment: the first one, and a successor once its predecessor is closed. */
  readonly makeSegment: (slots: number, slotBytes: number) => FrameSegmentWriter;
  /** How long a reader may hold a frame before its slot is reused. Milliseconds. */
  readonly readDeadlineMs: number;
  /** A frame could not be rendered. Its readers continue with the next one. */
  readonly onError: (error: unknown) => void;
  /** A reader has left; its final counts. */
  readonly onReaderEnd: (id: string, report: SeatReport) => void;
}

/** One slot per reader, one being written, one spare. */
function slotsFor(readers: number): number {
  return Math.max(4, readers + 2);
}

/**
 * One rendition for readers in other threads or processes: gives each reader a seat and a mailbox, renders a frame into
 * shared memory when the first reader takes it, once for all, and never reuses a slot that is being read.
 */
export class FrameRing<F extends SuppliedFrame> {
  readonly #o: FrameRingOptions<F>;
  readonly #seats: (Seat<F> | undefined)[];
  #shape: FrameShape;
  /** Undefined while no memory could be allocated. */
  #segment: WrittenSegment | undefined;
  #last: Rendered | undefined;
  #unannounced = false;
  #closed = false;

  /** @throws what `makeSegment` throws: `shm_full` and others. */
  constructor(options: FrameRingOptions<F>) {
    this.#o = options;
    this.#seats = Array.from({ length: options.table.seats }, () => undefined);
    this.#shape = options.rendition.shape;
    this.#begin(this.#shape);
  }

  /** Current number of readers. */
  get readers(): number {
    return this.#seats.reduce((n, seat) => n + (seat ? 1 : 0), 0);
  }

  /**
   * Gives a reader a seat.
   *
   * @param page The reader's page; owned by the seat from here on, also when this throws.
   * @throws VigiaError `seats_full`, `supplier_stopped`, `duplicate_consumer`, `invalid_fps`.
   */
  seat(id: string, options: { readonly fps?: number }, page: ReaderPageView, link: SeatLink): Seat<F> {
    try {
      const { supplier, table } = this.#o;
      if (this.#closed || !supplier.running)
        throw new VigiaError('supplier_stopped', `reader ${id}: the supplier is not started`);
      const index = this.#seats.indexOf(undefined);
      if (index === -1)
        throw new VigiaError('seats_full', `reader ${id}: all ${table.seats} seats are taken`, { path: table.path });
      const seat = new Seat<F>({ id, index, ...options, ...this.#o, page, link, ring: this });
      this.#seats[index] = seat;
      return seat;
    } catch (error) {
      page.close();
      throw error;
    }
  }

  /** Evaluates every seat whose reader may have become ready: for transports where readers share one bell. */
  evaluate(): void {
    for (const seat of this.#seats) seat?.evaluate();
  }

  /** Called when the reader of a new frame has been woken, for work that it need not wait for. */
  announce(): void {
    if (!this.#unannounced || !this.#last) return;
    this.#unannounced = false;
    this.#last.segment.slots.announce(this.#last.lease);
  }

  /** Writes the heartbeat of seat table and segment: every SEATS_HEARTBEAT_MS while a seat is taken. */
  heartbeat(): void {
    this.#o.table.heartbeat();
    this.#segment?.writer.heartbeat();
  }

  /** Called by a seat whose reader has left: the seat is free again. */
  vacate(index: number, id: string, report: SeatReport): void {
    this.#seats[index] = undefined;
    // Closed permanently: a late reader must see the end, and not a free seat.
    if (!this.#closed) this.#o.table.free(index);
    this.#o.onReaderEnd(id, report);
  }

  /**
   * The frame in a slot, held by one more reader; rendered now unless a slot contains it already.
   *
   * @throws what rendering throws; VigiaError `frame_too_large`, `no_free_slot`, and what `makeSegment` throws.
   */
  rendered(frame: F): Rendered {
    const last = this.#last;
    // A slot that all readers gave back still contains its frame until it is rewritten.
    if (last?.lease.frameId === frame.seq) return { lease: last.lease.retain(), segment: last.segment };
    const { rendition } = this.#o;
    const shape = rendition.shapeOf?.(frame) ?? rendition.shape;
    const segment = this.#segmentFor(shape);
    const stamps = rendition.stampsOf?.(frame);
    const lease = segment.slots.write((pixels) => rendition.render(frame, pixels), {
      frameId: frame.seq,
      capturedMs: frame.capturedMs,
      capturedWallMs: stamps?.capturedWallMs ?? 0,
      ptsUs: stamps?.ptsUs ?? 0,
      shape,
    });
    const { path } = segment;
    if (!lease) throw new VigiaError('no_free_slot', `${path}: every slot is being read`, { path });
    this.#last = { lease, segment };
    this.#unannounced = true;
    return this.#last;
  }

  /** Ends every reader and frees the memory. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const seat of this.#seats) seat?.readerGone('stopped');
    this.#o.table.close();
    this.#segment?.writer.close();
  }

  #segmentFor(shape: FrameShape): WrittenSegment {
    const segment = this.#segment;
    return segment && sameSize(shape, this.#shape) ? segment : this.#begin(shape);
  }

  /** Readers notice a successor by the epoch of their next offer; leases of the predecessor remain valid. */
  #begin(shape: FrameShape): WrittenSegment {
    this.#segment?.writer.close();
    this.#segment = undefined;
    this.#last = undefined;
    const writer = this.#o.makeSegment(slotsFor(this.#o.table.seats), shape.byteLength);
    this.#shape = shape;
    this.#segment = { writer, slots: new SlotRing(writer), path: writer.path, epoch: Number(writer.epoch) };
    return this.#segment;
  }
}

function sameSize(a: FrameShape, b: FrameShape): boolean {
  if (a === b) return true;
  return a.width === b.width && a.height === b.height && a.format === b.format && a.byteLength === b.byteLength;
}
