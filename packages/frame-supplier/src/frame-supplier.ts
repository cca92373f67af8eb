import { type Clock, VigiaError } from '@vigia/base';
import { Gate } from './gate.ts';
import { Mailbox, type SuppliedFrame } from './mailbox.ts';

/**
 * Mailboxes filled in one turn of the event loop (FS5). Filling one costs about a microsecond; eight stay below the
 * 20 µs that waking a single thread costs, so a turn with a frame is as short as a turn without.
 */
export const DISTRIBUTION_BATCH = 8;

/** Counters of a supplier. At any moment `published = distributed + inboxDrops + inboxPending` (AD2). */
export interface SupplierCounters {
  published: number;
  distributed: number;
  /** Overwritten in the inbox before distribution: about 0 in practice. */
  inboxDrops: number;
  /** 0 or 1. */
  inboxPending: number;
}

/** Options of {@link FrameSupplier.subscribe}. */
export interface SubscribeOptions {
  /** At most this many frames per second, greater than 0. Default: every frame. */
  readonly fps?: number;
  /** Called during distribution when a frame was put in. Must be quick, must not throw. */
  readonly onOffer?: () => void;
}

/** Options of {@link FrameSupplier}. */
export interface FrameSupplierOptions {
  readonly clock: Clock;
  /** The source's frame interval in milliseconds, as known now. */
  readonly sourceIntervalMs: () => number;
}

/**
 * Hands every consumer the newest frame, and nothing else (FS1–FS7), inside one event loop.
 *
 * `publish` puts the frame into a single-slot inbox and returns: it runs no consumer's code. Distribution follows in a
 * microtask, up to eight mailboxes in sequence, beyond that in batches of eight, each in a turn of its own.
 */
export class FrameSupplier<F extends SuppliedFrame> {
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

  /** Begins to accept frames. Idempotent; a stopped supplier may be started again. */
  start(): void {
    this.#running = true;
  }

  /** Ends every reader, drops what is pending. Idempotent; drains nothing. */
  stop(): void {
    this.#running = false;
    for (const mailbox of this.#mailboxes) mailbox.close();
    if (this.#inbox) this.#dropInbox();
  }

  /** Consumers subscribed now. */
  get consumers(): number {
    return this.#mailboxes.length;
  }

  /**
   * Takes over the caller's reference, gives the frame its number and returns at once.
   *
   * @throws VigiaError `supplier_stopped`; the reference is released all the same.
   */
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
      onClose: this.#onClose,
    });
    this.#byId.set(id, mailbox);
    this.#mailboxes = [...this.#mailboxes, mailbox];
    return mailbox;
  }

  /** A consistent copy of the counters. */
  counters(): SupplierCounters {
    return {
      published: this.#published,
      distributed: this.#distributed,
      inboxDrops: this.#inboxDrops,
      inboxPending: this.#inbox ? 1 : 0,
    };
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
