import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Clock, every, type Timer } from '@vigia/base';
import {
  READER_PAGE,
  READER_PAGE_BYTES,
  READER_PAGE_MAGIC,
  SEAT_BYTES,
  SEATS_HEARTBEAT_MS,
  SEATS_TABLE_OFFSET,
  SEATS_VERSION,
  seatTableBytes,
  segmentBytes,
} from '@vigia/contracts';
import type { SuppliedFrame } from '#contract';
import type { FrameSupplier } from '#loop';
import { FrameRing, ReaderPageView, type Rendition, type Seat, type SeatReport, SeatTableWriter } from '#seats';
import { FrameSegmentWriter, threadMemory } from '#segment';
import { WAKE_FANOUT, WAKE_LIST_BYTES, WakeList } from './wake-list.ts';

/** See FrameSupplier: the cheapest way to a microtask. */
const RESOLVED = Promise.resolve();

/** Options of {@link ThreadFrameServer}. */
export interface ThreadFrameServerOptions<F extends SuppliedFrame> {
  readonly supplier: FrameSupplier<F>;
  readonly rendition: Rendition<F>;
  /** Most readers at a time, 1 to 256; allocates memory for `readers + 2` frames. Default 8. */
  readonly readers?: number;
  /** How long a reader may hold a frame before its memory is reused. Milliseconds. Default 1000. */
  readonly readDeadlineMs?: number;
  /** A frame could not be rendered. Default: becomes an uncaught exception in a later turn. */
  readonly onError?: (error: unknown) => void;
  /** A reader has left; its final counts. */
  readonly onReaderEnd?: (id: string, report: SeatReport) => void;
}

/**
 * What a worker thread needs to read frames. Pass it by `postMessage` or `workerData`, with `port` in the transfer
 * list.
 */
export interface ThreadSeatHandle {
  readonly id: string;
  readonly seat: number;
  /** Index in the seat table. */
  readonly epoch: bigint;
  readonly table: SharedArrayBuffer;
  readonly wakeList: SharedArrayBuffer;
  readonly attention: SharedArrayBuffer;
  readonly page: SharedArrayBuffer;
  /** Transfers segments; its closing shows either side that the other has ended. */
  readonly port: MessagePort;
}

/** Message on a seat's port: a segment that is new to the seat. */
export interface SegmentMessage {
  readonly epoch: number;
  readonly segment: SharedArrayBuffer;
}

interface Reader<F extends SuppliedFrame> {
  readonly seat: Seat<F>;
  readonly port: MessagePort;
}

/**
 * Lets worker threads read the frames of a supplier in this thread. Pixels are rendered once, into memory shared by all
 * of them, and only for readers that requested them.
 */
export class ThreadFrameServer<F extends SuppliedFrame> {
  readonly #clock: Clock;
  readonly #table: SharedArrayBuffer;
  readonly #tableWriter: SeatTableWriter;
  readonly #words: Int32Array;
  readonly #wakeListMemory = new SharedArrayBuffer(WAKE_LIST_BYTES);
  readonly #wakeList: WakeList;
  readonly #attentionMemory = new SharedArrayBuffer(4);
  readonly #attention = new Int32Array(this.#attentionMemory);
  readonly #ring: FrameRing<F>;
  readonly #readers = new Map<string, Reader<F>>();
  #segment: SegmentMessage | undefined;
  #heartbeat: Timer | undefined;
  /** Readers to wake in this turn. */
  #wokenNow = 0;
  #closed = false;

  /** @throws VigiaError `segment_geometry` for impossible sizes. */
  constructor(options: ThreadFrameServerOptions<F>) {
    const { supplier, rendition, readers = 8, readDeadlineMs = 1_000 } = options;
    const { clock } = supplier;
    this.#clock = clock;
    this.#table = new SharedArrayBuffer(seatTableBytes(Math.max(1, Math.min(readers, 256))));
    this.#tableWriter = new SeatTableWriter(threadMemory(this.#table, 'seats of threads'), readers, clock);
    const words = new Int32Array(this.#table);
    this.#words = words;
    this.#wakeList = new WakeList(this.#wakeListMemory, (seat) => void Atomics.notify(words, bellWord(seat), 1));
    this.#ring = new FrameRing<F>({
      supplier,
      clock,
      table: this.#tableWriter,
      rendition,
      readDeadlineMs,
      makeSegment: (slots, slotBytes) => this.#makeSegment(slots, slotBytes),
      onError: options.onError ?? throwLater,
      onReaderEnd: (id, report) => {
        this.#onReaderEnd(id);
        options.onReaderEnd?.(id, report);
      },
    });
    this.#listen();
  }

  /** Current number of readers. */
  get readers(): number {
    return this.#ring.readers;
  }

  /**
   * Gives a reader a seat. Its worker opens the handle with `openThreadReader`; when the worker ends, the seat is
   * freed.
   *
   * @throws VigiaError `seats_full`, `supplier_stopped`, `duplicate_consumer`, `invalid_fps`.
   */
  admit(id: string, options: { readonly fps?: number } = {}): ThreadSeatHandle {
    const page = new SharedArrayBuffer(READER_PAGE_BYTES);
    preparePage(page);
    const { port1, port2 } = new MessageChannel();
    let known: number | undefined;
    try {
      const seat = this.#ring.seat(id, options, new ReaderPageView(threadMemory(page, `page of ${id}`)), {
        useSegment: (epoch) => {
          if (known === epoch || this.#segment?.epoch !== epoch) return;
          known = epoch;
          port1.postMessage(this.#segment);
        },
        wake: () => this.#wake(seat.index),
      });
      this.#readers.set(id, { seat, port: port1 });
      port1.on('close', () => seat.readerGone());
      port1.unref();
      this.#heartbeat ??= every(this.#clock, SEATS_HEARTBEAT_MS, () => this.#ring.heartbeat(), { unref: true });
      this.#ring.heartbeat();
      return {
        id,
        seat: seat.index,
        epoch: this.#tableWriter.epoch,
        table: this.#table,
        wakeList: this.#wakeListMemory,
        attention: this.#attentionMemory,
        page,
        port: port2,
      };
    } catch (error) {
      port1.close();
      throw error;
    }
  }

  /** Counts of a current reader, else undefined. */
  report(id: string): SeatReport | undefined {
    return this.#readers.get(id)?.seat.report();
  }

  /** Unsubscribes a reader: it gets the end. */
  remove(id: string): void {
    this.#readers.get(id)?.seat.stop();
  }

  /** Ends every reader. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ring.close();
    this.#heartbeat?.cancel();
    for (const { port } of this.#readers.values()) port.close();
    this.#readers.clear();
    Atomics.add(this.#attention, 0, 1);
    Atomics.notify(this.#attention, 0);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #makeSegment(slots: number, slotBytes: number): FrameSegmentWriter {
    const segment = new SharedArrayBuffer(segmentBytes(slots, slotBytes));
    const path = 'segment of threads';
    const writer = FrameSegmentWriter.over(threadMemory(segment, path), { path, slots, slotBytes, clock: this.#clock });
    this.#segment = { epoch: Number(writer.epoch), segment };
    return writer;
  }

  /** The first two of a turn are woken at once; the others are listed for those two to wake. */
  #wake(seat: number): void {
    if (this.#wokenNow < WAKE_FANOUT) Atomics.notify(this.#words, bellWord(seat), 1);
    else this.#wakeList.push(seat);
    this.#wokenNow += 1;
    if (this.#wokenNow === 1) void RESOLVED.then(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    // The readers just woken may have read the list before it was complete.
    if (this.#wokenNow > WAKE_FANOUT) this.#wakeList.wakeSome();
    this.#wokenNow = 0;
  };

  /** Readers that become ready while a frame waits for them ring this bell; the loop sleeps on it. */
  #listen(): void {
    const seen = Atomics.load(this.#attention, 0);
    if (this.#closed) return;
    this.#ring.evaluate();
    const { async, value } = Atomics.waitAsync(this.#attention, 0, seen);
    if (async) void value.then(this.#onAttention);
    else setImmediate(this.#onAttention);
  }

  readonly #onAttention = (): void => this.#listen();

  #onReaderEnd(id: string): void {
    this.#readers.get(id)?.port.close();
    this.#readers.delete(id);
    // Wakes that the dead reader still had to pass on.
    this.#wakeList.wakeSome();
    if (this.#readers.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
  }
}

/** Index of a seat's bell among the 32-bit words of its table. */
export function bellWord(seat: number): number {
  return (SEATS_TABLE_OFFSET + seat * SEAT_BYTES) / 4;
}

/** The page is created here, because the seat reads it before its worker runs. */
function preparePage(page: SharedArrayBuffer): void {
  const bytes = Buffer.from(page);
  bytes.writeUInt32LE(SEATS_VERSION, READER_PAGE.version);
  bytes.write(READER_PAGE_MAGIC, READER_PAGE.magic, 'latin1');
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
