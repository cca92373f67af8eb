import { VigiaError } from '@vigia/base';
import type { WorkerResult } from '@vigia/contracts';
import {
  type FrameShape,
  type Mailbox,
  type MailboxCounters,
  type SeatReport,
  ThreadFrameServer,
} from '@vigia/frame-supplier';
import type { Geometry, RenditionSpec } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { Outcome } from '#core/results';
import type { EndReason } from './lifecycle.ts';
import type { WorkerInput } from './wanted-input.ts';
import { WorkerFeed, type WorkerFeedOptions } from './worker-feed.ts';
import type { WorkerLinkEvents } from './worker-link.ts';
import { WorkerThread } from './worker-thread.ts';

/** Options of {@link ThreadConsumer}. */
export interface ThreadConsumerOptions extends WorkerFeedOptions {
  /** What a frame of this rendition looks like in memory. */
  readonly shapeOf: (spec: RenditionSpec) => FrameShape;
  /** Scales a picture into memory; says how. May throw. */
  readonly scale: (picture: Picture, spec: RenditionSpec, pixels: Buffer) => Geometry;
  /** Its thread hangs where nothing can end it: only the end of the process will. */
  readonly onUnending: () => void;
}

/** A thread that reads no more frames ends by itself within this time, or is ended. Milliseconds. */
const LEFT_MS = 500;
/** The thread keeps its frame until it answers, or is ended: the supplier never takes it away. Milliseconds. */
const READ_DEADLINE_MS = 86_400_000;

/**
 * One camera's frames for one worker in a thread, by the thread transport of the supplier: the thread asks for a frame,
 * the newest one is rendered then, straight into memory that both share. While the thread is not ready, due pictures are
 * told so. Results as with a process.
 */
export class ThreadConsumer extends WorkerFeed<WorkerThread> {
  readonly #o: ThreadConsumerOptions;
  /** While the worker is not ready. */
  #mailbox: Mailbox<Picture> | undefined;
  /** While it is. */
  #server: ThreadFrameServer<Picture> | undefined;
  /** Counters of mailboxes and seats that are gone. */
  #past: MailboxCounters = NOTHING;
  #spec: RenditionSpec;
  /** Since when a frame is there that the thread does not ask for, and what was delivered then. */
  #unread: { readonly sinceMs: number; readonly delivered: number } | undefined;

  constructor(options: ThreadConsumerOptions) {
    super(options);
    this.#o = options;
    this.#spec = options.setup.input;
    this.#subscribe();
  }

  protected open(events: WorkerLinkEvents): WorkerThread {
    const { setup, place, clock, onUnending } = this.#o;
    return new WorkerThread(setup, place, clock, events, onUnending);
  }

  protected accept(input: WorkerInput): string | undefined {
    this.#spec = input.spec;
    return undefined;
  }

  protected onFree(): void {
    this.#seat();
  }

  protected onAnswer(result: WorkerResult): string | undefined {
    return this.inFlight.answer(result);
  }

  protected onGone(reason: EndReason): void {
    this.#unseat();
    this.inFlight.gone(reason);
    this.#subscribe();
  }

  protected settled(): void {
    this.#mailbox?.settle();
  }

  protected counters(): MailboxCounters {
    const seat = this.#server?.report(this.#o.setup.id);
    return add(this.#past, seat?.counters ?? this.#mailbox?.counters() ?? NOTHING);
  }

  protected unreadMs(live: boolean): number {
    const { pending, delivered } = this.counters();
    const now = this.#o.clock.nowMs();
    if (!live || !this.#server || pending === 0) this.#unread = undefined;
    else if (this.#unread?.delivered !== delivered) this.#unread = { sinceMs: now, delivered };
    return this.#unread ? now - this.#unread.sinceMs : 0;
  }

  protected leave(settleInFlight: () => void): void {
    this.#unseat();
    settleInFlight();
    this.#unsubscribe();
  }

  /** From the mailbox of this loop to a seat for the thread. */
  #seat(): void {
    const thread = this.worker.ready;
    if (!thread || this.closing) return;
    this.#unsubscribe();
    const { setup, supplier, shapeOf } = this.#o;
    const shape = shapeOf(this.#spec);
    this.#server = new ThreadFrameServer<Picture>({
      supplier,
      readers: 1,
      readDeadlineMs: READ_DEADLINE_MS,
      rendition: {
        shape,
        // Called first for each frame that is taken.
        shapeOf: (picture) => {
          this.#begin(picture, thread);
          return shape;
        },
        render: (picture, pixels) => this.#render(picture, pixels),
        stampsOf: ({ stamps }) => stamps,
      },
      onError: (error) => {
        const message = error instanceof VigiaError ? error.message : String(error);
        this.inFlight.end({ status: 'error', code: 'render', message });
      },
      onReaderEnd: (_, report) => this.#onSeatEnd(report),
    });
    thread.seat(this.#server.admit(setup.id, this.gate));
  }

  #begin(picture: Picture, thread: WorkerThread): void {
    // The answer to the frame before was posted before this one was asked for.
    thread.drain();
    // The SDK answers for every frame that its worker has seen: this one was too old when its thread got to it.
    if (this.inFlight.busy) this.inFlight.end(EXPIRED);
    picture.retain();
    this.inFlight.begin(picture, this.#o.keepPicture());
  }

  #render(picture: Picture, pixels: Buffer): void {
    const geometry = this.#o.scale(picture, this.#spec, pixels);
    this.inFlight.rendered(geometry);
    this.worker.sent();
    this.inFlight.sent();
  }

  #onSeatEnd({ counters }: SeatReport): void {
    this.#past = add(this.#past, counters);
    const server = this.#server;
    if (!server || this.closing) return;
    // Nobody reads any more. If its thread does not end either, it is of no use.
    this.#server = undefined;
    // Not from inside of what it is just telling.
    queueMicrotask(() => server.close());
    this.#subscribe();
    const thread = this.worker.ready;
    this.#o.clock.after(LEFT_MS, () => {
      if (this.worker.ready === thread) this.worker.leftLoop();
    });
  }

  #unseat(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
  }

  /** Due pictures are taken, unrendered, and told why. */
  #subscribe(): void {
    if (this.closing || this.#mailbox) return;
    const { setup, supplier } = this.#o;
    const mailbox = supplier.subscribe(setup.id, {
      ...this.gate,
      onOffer: () => {
        if (this.inFlight.busy || !mailbox.hasDue()) return;
        this.inFlight.begin(mailbox.takeDue(), false);
        this.inFlight.end(this.notReady());
      },
    });
    this.#mailbox = mailbox;
  }

  #unsubscribe(): void {
    const mailbox = this.#mailbox;
    if (!mailbox) return;
    mailbox.close();
    this.#past = add(this.#past, mailbox.counters());
    this.#mailbox = undefined;
  }
}

const EXPIRED: Outcome = {
  status: 'expired',
  code: 'frame_expired',
  message: 'the frame was too old when the worker got to it',
};

const NOTHING: MailboxCounters = {
  offered: 0,
  delivered: 0,
  pending: 0,
  dropped: { gated: 0, overwritten: 0, stale: 0, closed: 0 },
};

function add(a: MailboxCounters, b: MailboxCounters): MailboxCounters {
  return {
    offered: a.offered + b.offered,
    delivered: a.delivered + b.delivered,
    pending: a.pending + b.pending,
    dropped: {
      gated: a.dropped.gated + b.dropped.gated,
      overwritten: a.dropped.overwritten + b.dropped.overwritten,
      stale: a.dropped.stale + b.dropped.stale,
      closed: a.dropped.closed + b.dropped.closed,
    },
  };
}
