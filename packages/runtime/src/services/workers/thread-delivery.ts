import { messageOf } from '@vigia/base';
import {
  type FrameShape,
  type Mailbox,
  type MailboxCounters,
  type SeatReport,
  ThreadFrameServer,
} from '@vigia/frame-supplier';
import type { InFlight, Outcome } from '#core/consumer';
import type { Geometry, RenditionSpec } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { DeliveryDesk, FrameDelivery, WorkerConsumerOptions } from './delivery.ts';
import { addCounters, NO_COUNTERS } from './mailbox-counters.ts';
import type { WorkerInput } from './wanted-input.ts';
import { WorkerConsumer } from './worker-consumer.ts';
import type { WorkerLinkEvents } from './worker-link.ts';
import { WorkerThread } from './worker-thread.ts';

/** What rendering for a thread needs. */
export interface ThreadRendering {
  /** The layout in memory of a frame of this rendition. */
  readonly shapeOf: (spec: RenditionSpec) => FrameShape;
  /** Scales a picture into memory; returns how. May throw. */
  readonly scale: (picture: Picture, spec: RenditionSpec, pixels: Buffer) => Geometry;
  /** The thread hangs where nothing can end it: only the end of the process will. */
  readonly onUnending: () => void;
}

/** A thread that reads no more frames ends by itself within this time, or vigia ends it. Milliseconds. */
const LEFT_MS = 500;
/** A thread keeps its frame until it answers or ends: the supplier never takes the frame away. Milliseconds. */
const READ_DEADLINE_MS = 86_400_000;

/** A consumer whose worker is a thread of this process. */
export function newThreadConsumer(
  options: WorkerConsumerOptions,
  rendering: ThreadRendering,
): WorkerConsumer<WorkerThread> {
  return new WorkerConsumer<WorkerThread>(options, (desk) => new ThreadDelivery(desk, rendering));
}

/**
 * Frames for a worker in a thread, over the supplier's thread transport: the thread asks for a frame, and the newest one is
 * rendered at that moment, straight into memory that both share. A thread that is ready has a seat; one that is not is
 * replaced by a mailbox in this loop.
 */
class ThreadDelivery implements FrameDelivery<WorkerThread> {
  readonly #desk: DeliveryDesk<WorkerThread>;
  readonly #o: WorkerConsumerOptions;
  readonly #rendering: ThreadRendering;
  readonly #inFlight: InFlight;
  /** While the worker is not ready. */
  #mailbox: Mailbox<Picture> | undefined;
  /** While it is. */
  #server: ThreadFrameServer<Picture> | undefined;
  /** Counters of mailboxes and seats that are closed. */
  #past: MailboxCounters = NO_COUNTERS;
  #spec: RenditionSpec;
  /** Since when a frame has been there that the thread does not ask for, and how many were delivered by then. */
  #unread: { readonly sinceMs: number; readonly delivered: number } | undefined;
  #closed = false;

  constructor(desk: DeliveryDesk<WorkerThread>, rendering: ThreadRendering) {
    this.#desk = desk;
    this.#o = desk.options;
    this.#rendering = rendering;
    this.#inFlight = desk.inFlight;
    this.#spec = desk.options.setup.input;
    this.#subscribe();
  }

  open(events: WorkerLinkEvents): WorkerThread {
    const { setup, place, clock } = this.#o;
    return new WorkerThread(setup, place, clock, events, this.#rendering.onUnending);
  }

  accept(input: WorkerInput): string | undefined {
    this.#spec = input.spec;
    return undefined;
  }

  workerReady(): void {
    const thread = this.#desk.worker.ready;
    if (!thread || this.#closed) return;
    this.#unsubscribe();
    const server = this.#newServer(thread);
    this.#server = server;
    thread.seat(server.admit(this.#o.setup.id, this.#desk.gate()));
  }

  /** The thread asks for its next frame by itself. */
  workerFree(): void {}

  workerGone(): void {
    this.#unseat();
    this.#subscribe();
  }

  counters(): MailboxCounters {
    const seat = this.#server?.report(this.#o.setup.id);
    return addCounters(this.#past, seat?.counters ?? this.#mailbox?.counters() ?? NO_COUNTERS);
  }

  unreadMs(live: boolean): number {
    const { pending, delivered } = this.counters();
    const now = this.#o.clock.nowMs();
    if (!live || !this.#server || pending === 0) this.#unread = undefined;
    else if (this.#unread?.delivered !== delivered) this.#unread = { sinceMs: now, delivered };
    return this.#unread ? now - this.#unread.sinceMs : 0;
  }

  close(): void {
    this.#closed = true;
    this.#unseat();
    this.#unsubscribe();
  }

  #newServer(thread: WorkerThread): ThreadFrameServer<Picture> {
    const shape = this.#rendering.shapeOf(this.#spec);
    return new ThreadFrameServer<Picture>({
      supplier: this.#o.supplier,
      readers: 1,
      readDeadlineMs: READ_DEADLINE_MS,
      rendition: {
        shape,
        // The server calls this first for each frame that the thread takes.
        shapeOf: (picture) => {
          this.#begin(picture, thread);
          return shape;
        },
        render: (picture, pixels) => this.#render(picture, pixels),
        stampsOf: ({ stamps }) => stamps,
      },
      onError: (error) => this.#inFlight.end({ status: 'error', code: 'render', message: messageOf(error) }),
      onReaderEnd: (_, report) => this.#onSeatEnd(report),
    });
  }

  #begin(picture: Picture, thread: WorkerThread): void {
    // The thread posted its answer to the frame before it asked for this one.
    thread.drain();
    // The SDK answers every frame that its worker has seen: the previous one was too old when the thread read it.
    this.#inFlight.end(EXPIRED);
    picture.retain();
    this.#inFlight.begin(picture, this.#o.keepPicture());
  }

  #render(picture: Picture, pixels: Buffer): void {
    const geometry = this.#rendering.scale(picture, this.#spec, pixels);
    this.#inFlight.rendered(geometry);
    this.#desk.worker.sent();
    this.#inFlight.sent();
  }

  /** The thread reads no more. If it does not end by itself, the worker is of no use. */
  #onSeatEnd({ counters }: SeatReport): void {
    this.#past = addCounters(this.#past, counters);
    const server = this.#server;
    if (!server || this.#closed) return;
    this.#server = undefined;
    // In a microtask: the server itself is calling.
    queueMicrotask(() => server.close());
    this.#subscribe();
    const thread = this.#desk.worker.ready;
    this.#o.clock.after(LEFT_MS, () => {
      if (this.#desk.worker.ready === thread) this.#desk.worker.leftLoop();
    });
  }

  #unseat(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
  }

  /** Settles due pictures, unrendered, with the reason why the worker is not ready. */
  #subscribe(): void {
    if (this.#closed || this.#mailbox) return;
    const { setup, supplier } = this.#o;
    const mailbox = supplier.subscribe(setup.id, {
      ...this.#desk.gate(),
      onOffer: () => {
        const picture = this.#inFlight.busy ? undefined : mailbox.take();
        if (!picture) return;
        this.#inFlight.begin(picture, false, mailbox);
        this.#inFlight.end(this.#desk.notReady());
      },
    });
    this.#mailbox = mailbox;
  }

  #unsubscribe(): void {
    const mailbox = this.#mailbox;
    if (!mailbox) return;
    mailbox.close();
    this.#past = addCounters(this.#past, mailbox.counters());
    this.#mailbox = undefined;
  }
}

const EXPIRED: Outcome = {
  status: 'expired',
  code: 'frame_expired',
  message: 'the frame was too old when the worker got to it',
};
