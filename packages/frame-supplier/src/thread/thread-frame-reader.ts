import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Clock, systemClock } from '@vigia/base';
import {
  type BlockingFrameReader,
  type FrameReader,
  framesOf,
  framesOfBlocking,
  type Lease,
  type ReaderEnd,
} from '#contract';
import { ReaderPage, SeatReader, type SeatReaderStatistics, SeatView, type SharedFrame } from '#seats';
import { FrameSegmentReader, threadMemory } from '#segment';
import { bellWord, type SegmentMessage, type ThreadSeatHandle } from './thread-frame-server.ts';
import { WakeList } from './wake-list.ts';

/**
 * Longer than between processes: within one process the supplier's loop may be busy for a while, but it rarely dies.
 */
const LOST_MS = 10_000;

/**
 * A reader in a worker thread. `nextSync` blocks the thread (Atomics.wait); `next` and `for await` keep its loop free
 * (Atomics.waitAsync). It keeps the thread alive until it is closed, or its supplier has ended.
 */
export class ThreadFrameReader implements FrameReader<SharedFrame>, BlockingFrameReader<SharedFrame> {
  readonly id: string;
  readonly #port: MessagePort;
  readonly #words: Int32Array;
  readonly #bell: number;
  readonly #wakeList: WakeList;
  readonly #reader: SeatReader;
  #watching = false;

  /** Created by `openThreadReader`. */
  constructor(handle: ThreadSeatHandle, clock: Clock) {
    this.id = handle.id;
    this.#port = handle.port;
    const words = new Int32Array(handle.table);
    const attention = new Int32Array(handle.attention);
    this.#words = words;
    this.#bell = bellWord(handle.seat);
    this.#wakeList = new WakeList(handle.wakeList, (seat) => void Atomics.notify(words, bellWord(seat), 1));
    this.#reader = new SeatReader({
      id: handle.id,
      view: new SeatView(threadMemory(handle.table, 'seats of threads'), handle.seat, handle.epoch),
      page: new ReaderPage(threadMemory(handle.page, `page of ${handle.id}`), clock),
      clock,
      lostMs: LOST_MS,
      openSegment: (epoch) => this.#openSegment(epoch),
      tell: () => {
        Atomics.add(attention, 0, 1);
        Atomics.notify(attention, 0, 1);
      },
      waitSync: (bell, timeoutMs) => {
        Atomics.wait(words, this.#bell, bell, timeoutMs);
        this.#wakeList.wakeSome();
      },
      // Only an event reports the closing of a port, and a blocking thread receives none.
      isSupplierGone: () => false,
      watch: (bell) => this.#watch(bell),
      onEnd: () => this.#onEnd(),
    });
    this.#port.on('close', () => this.#reader.supplierGone());
    // Waiting on memory does not keep a thread alive; its port does.
    this.#port.ref();
  }

  get end(): ReaderEnd | undefined {
    return this.#reader.end;
  }

  next(signal?: AbortSignal): Promise<Lease<SharedFrame> | undefined> {
    return this.#reader.next(signal);
  }

  nextSync(timeoutMs?: number): Lease<SharedFrame> | undefined {
    // A reader that need not sleep can still wake the others.
    this.#wakeList.wakeSome();
    return this.#reader.nextSync(timeoutMs);
  }

  [Symbol.asyncIterator](): AsyncGenerator<SharedFrame, void, undefined> {
    return framesOf(this);
  }

  [Symbol.iterator](): Generator<SharedFrame, void, undefined> {
    return framesOfBlocking(this);
  }

  /** Counts of this end; the supplier has its own. */
  statistics(): SeatReaderStatistics {
    return this.#reader.statistics();
  }

  close(): void {
    this.#reader.finish('closed');
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The message with a segment was sent before the first offer in it. */
  #openSegment(epoch: number): FrameSegmentReader | undefined {
    let found: SharedArrayBuffer | undefined;
    for (let got = receiveMessageOnPort(this.#port); got; got = receiveMessageOnPort(this.#port)) {
      const message = got.message as SegmentMessage;
      if (message.epoch === epoch) found = message.segment;
    }
    return found && FrameSegmentReader.over(threadMemory(found, 'segment of threads'));
  }

  /** One wait at a time: an aborted `next` left its own behind. */
  #watch(bell: number): void {
    if (this.#watching) return;
    this.#watching = true;
    const { async, value } = Atomics.waitAsync(this.#words, this.#bell, bell);
    if (async) void value.then(this.#onBell);
    else queueMicrotask(this.#onBell);
  }

  readonly #onBell = (): void => {
    this.#watching = false;
    this.#wakeList.wakeSome();
    this.#reader.wake();
  };

  #onEnd(): void {
    // Ends our own wait, which would otherwise stay in the engine's list.
    Atomics.notify(this.#words, this.#bell);
    this.#port.close();
  }
}

/**
 * Opens the seat given by a supplier in another thread.
 *
 * @param handle From ThreadFrameServer.admit; its port must have been transferred to this thread.
 * @throws VigiaError `frame_invalid` when the handle has another version.
 */
export function openThreadReader(handle: ThreadSeatHandle, clock: Clock = systemClock): ThreadFrameReader {
  return new ThreadFrameReader(handle, clock);
}
