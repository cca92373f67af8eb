import { type Clock, VigiaError } from '@vigia/base';
import type { SuppliedFrame } from '#contract';
import type { FrameSupplier } from '#loop';
import { type FrameSegmentWriter, type FrameShape, SlotRing } from '#segment';
import type { ReaderPageView } from './reader-page.ts';
import type { Rendered, WrittenSegment } from './rendered.ts';
import { Seat, type SeatLink, type SeatReport } from './seat.ts';
import type { SeatTableWriter } from './seat-table.ts';

/** How pictures get into shared memory: the part of a ring that depends on what a frame is. */
export interface Rendition<F> {
  /** What the first segment is made for. Its memory is allocated when the ring is opened. */
  readonly shape: FrameShape;
  /**
   * What this frame will be. Another size or format than before makes a new segment. Called once per rendered frame; return
   * the same object as long as nothing changes. Default: `shape`.
   */
  readonly shapeOf?: (frame: F) => FrameShape;
  /** Writes the frame's pixels: `byteLength` bytes of the slot, which holds something else before. May throw. */
  readonly render: (frame: F, pixels: Buffer) => void;
  /** Wall time of capture in ms since 1970 and the stream's own clock in whole µs, where they are known. Default: 0. */
  readonly stampsOf?: (frame: F) => { readonly capturedWallMs: number; readonly ptsUs: number };
}

/** Options of {@link FrameRing}. */
export interface FrameRingOptions<F extends SuppliedFrame> {
  readonly supplier: FrameSupplier<F>;
  readonly clock: Clock;
  readonly table: SeatTableWriter;
  readonly rendition: Rendition<F>;
  /** Makes a segment: the first one, and a successor once the one before is closed. */
  readonly makeSegment: (slots: number, slotBytes: number) => FrameSegmentWriter;
  /** How long a reader may hold a frame before its slot is reused. Milliseconds. */
  readonly readDeadlineMs: number;
  /** A frame could not be rendered. Its readers go on with the next one. */
  readonly onError: (error: unknown) => void;
  /** A reader is gone; its last counts. */
  readonly onReaderEnd: (id: string, report: SeatReport) => void;
}

/** Every reader may hold one slot; one is being written, one is spare. */
function slotsFor(readers: number): number {
  return Math.max(4, readers + 2);
}

/**
 * One rendition for readers in other threads or processes: gives each a seat and a mailbox, renders a frame into shared
 * memory when the first reader takes it, once for all, and sees to it that no slot is rewritten while it is being read.
 */
export class FrameRing<F extends SuppliedFrame> {
  readonly #o: FrameRingOptions<F>;
  readonly #seats: (Seat<F> | undefined)[];
  #shape: FrameShape;
  /** Undefined while there is no memory for one. */
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

  /** Readers seated now. */
  get readers(): number {
    return this.#seats.reduce((n, seat) => n + (seat ? 1 : 0), 0);
  }

  /**
   * Seats a reader.
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

  /** Looks at every seat whose reader may have become ready: for transports where readers ring one bell for all. */
  evaluate(): void {
    for (const seat of this.#seats) seat?.evaluate();
  }

  /** Called when the reader of a new frame is on its way: whatever it need not wait for. */
  announce(): void {
    if (!this.#unannounced || !this.#last) return;
    this.#unannounced = false;
    this.#last.segment.slots.announce(this.#last.lease);
  }

  /** Writes the sign of life of seat table and segment: every SEATS_HEARTBEAT_MS while anybody is seated. */
  heartbeat(): void {
    this.#o.table.heartbeat();
    this.#segment?.writer.heartbeat();
  }

  /** Called by a seat whose reader is gone: the seat is free again. */
  vacate(index: number, id: string, report: SeatReport): void {
    this.#seats[index] = undefined;
    // Closed for good: who looks late shall see the end, and not a free seat.
    if (!this.#closed) this.#o.table.free(index);
    this.#o.onReaderEnd(id, report);
  }

  /**
   * The frame in a slot that one more reader holds; rendered now unless it is there already.
   *
   * @throws what rendering throws; VigiaError `frame_too_large`, `no_free_slot`, and what `makeSegment` throws.
   */
  rendered(frame: F): Rendered {
    const last = this.#last;
    // A slot that everybody gave back still holds its frame until the next one is written.
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

  /** Ends every reader, and gives the memory back. Idempotent. */
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

  /** Readers notice a successor by the epoch of their next offer; leases of the predecessor stay what they are. */
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
