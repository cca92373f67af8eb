import { type Clock, VigiaError } from '@vigia/base';
import type { FramePublisher, ReaderEnd, SuppliedFrame, SupplierCounters, SupplierStatistics } from '#contract';
import { Gate } from './gate.ts';
import { Mailbox } from './mailbox.ts';

/**
 * Mailboxes filled in one turn of the event loop (FS5). Filling one costs about a microsecond; eight stay below the
 * 20 µs that waking a single thread costs, so a turn with a frame is as short as a turn without.
 */
export const DISTRIBUTION_BATCH = 8;

/** Options of {@link FrameSupplier.subscribe}. */
export interface SubscribeOptions {
  /** At most this many frames per second, greater than 0. Default: every frame. */
  readonly fps?: number;
  /**
   * Called inside distribution when a frame was put in: for hot consumers, who then `take`. Must be quick. What it throws
   * becomes an uncaught exception in a later turn; nobody else is harmed.
   */
  readonly onOffer?: () => void;
  /** Called once, when the consumer is no longer subscribed, whoever ended it. */
  readonly onEnd?: (end: ReaderEnd) => void;
}

/** Options of {@link FrameSupplier}. */
export interface FrameSupplierOptions {
  readonly clock: Clock;
  /** The source's frame interval in milliseconds, as known now. */
  readonly sourceIntervalMs: () => number;
}

/**
 * The supplier: owns the mailboxes of its consumers, whatever their transport.
 *
 * `publish` puts the frame into a single-slot inbox and returns: it runs no consumer's code. Distribution follows in a
 * microtask, up to eight mailboxes in sequence, beyond that in batches of eight, each in a turn of its own.
 */
export class FrameSupplier<F extends SuppliedFrame> implements FramePublisher<F> {
  readonly #clock: Clock;
  readonly #sourceIntervalMs: () => number;
  readonly #byId = new Map<string, Mailbox<F>>();
  /** Replaced, never changed, so that a batch under way keeps its own view. */
  #mailboxes: readonly Mailbox<F>[] = [];
  #inbox: F | undefined;
  #scheduled = false;
  #running = false;
  #seq = 0;
  #published = 0;
  #distributed = 0;
  #inboxDrops = 0;

  constructor(options: FrameSupplierOptions) {
    this.#clock = options.clock;
    this.#sourceIntervalMs = options.sourceIntervalMs;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The source's frame interval in milliseconds, as known now. */
  get sourceIntervalMs(): number {
    return this.#sourceIntervalMs();
  }

  start(): void {
    this.#running = true;
  }

  stop(): void {
    this.#running = false;
    for (const mailbox of this.#mailboxes) mailbox.endWith('stopped');
    if (this.#inbox) this.#dropInbox();
  }

  /** Consumers subscribed now. */
  get consumers(): number {
    return this.#mailboxes.length;
  }

  publish(frame: F): void {
    if (!this.#running) {
      frame.release();
      throw new VigiaError('supplier_stopped', 'a frame was published to a supplier that is not started');
    }
    this.#seq += 1;
    frame.seq = this.#seq;
    this.#published += 1;
    if (this.#inbox) this.#dropInbox();
    this.#inbox = frame;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#distribute);
  }

  /**
   * Adds a consumer.
   *
   * @throws VigiaError `duplicate_consumer` while the id is subscribed, `invalid_fps` unless fps > 0.
   */
  subscribe(id: string, options: SubscribeOptions = {}): Mailbox<F> {
    if (this.#byId.has(id)) throw new VigiaError('duplicate_consumer', `consumer ${id}: subscribed already`);
    const { fps } = options;
    if (fps !== undefined && !(fps > 0 && Number.isFinite(fps))) {
      throw new VigiaError('invalid_fps', `consumer ${id}: fps ${fps}, a number above 0 is allowed`);
    }
    const mailbox = new Mailbox<F>({
      id,
      gate: new Gate(fps, this.#sourceIntervalMs),
      clock: this.#clock,
      sourceIntervalMs: this.#sourceIntervalMs,
      onOffer: options.onOffer,
      onEnd: options.onEnd,
      onClose: this.#onClose,
    });
    this.#byId.set(id, mailbox);
    this.#mailboxes = [...this.#mailboxes, mailbox];
    return mailbox;
  }

  counters(): SupplierCounters {
    return {
      published: this.#published,
      distributed: this.#distributed,
      inboxDrops: this.#inboxDrops,
      inboxPending: this.#inbox ? 1 : 0,
    };
  }

  statistics(): SupplierStatistics {
    const consumers = this.#mailboxes.map(
      (m) => [m.id, { counters: m.counters(), statistics: m.statistics() }] as const,
    );
    return { supplier: this.counters(), consumers: new Map(consumers) };
  }

  readonly #onClose = (id: string): void => {
    this.#byId.delete(id);
    this.#mailboxes = this.#mailboxes.filter((m) => m.id !== id);
  };

  readonly #distribute = (): void => {
    this.#scheduled = false;
    const frame = this.#inbox;
    if (!frame) return;
    this.#inbox = undefined;
    this.#distributed += 1;
    this.#fill(frame, this.#mailboxes, 0);
  };

  #fill(frame: F, mailboxes: readonly Mailbox<F>[], from: number): void {
    const to = Math.min(mailboxes.length, from + DISTRIBUTION_BATCH);
    for (let i = from; i < to; i += 1) mailboxes[i]?.offer(frame);
    if (to < mailboxes.length) setImmediate(() => this.#fill(frame, mailboxes, to));
    else frame.release();
  }

  #dropInbox(): void {
    this.#inboxDrops += 1;
    this.#inbox?.release();
    this.#inbox = undefined;
  }
}
