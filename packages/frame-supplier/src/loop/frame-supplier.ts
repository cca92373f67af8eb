import { type Clock, systemClock, VigiaError } from '@vigia/base';
import type { FramePublisher, ReaderEnd, SuppliedFrame, SupplierCounters, SupplierStatistics } from '#contract';
import { Gate } from './gate.ts';
import { Mailbox } from './mailbox.ts';

/**
 * Mailboxes filled in one turn of the event loop (FS5). Filling one costs about a microsecond; eight stay below the 20
 * µs of waking a single thread, so a turn with a frame is as short as a turn without.
 */
export const DISTRIBUTION_BATCH = 8;

/** Options of {@link FrameSupplier.subscribe}. */
export interface SubscribeOptions {
  /** At most this many frames per second, greater than 0. Default: every frame. */
  readonly fps?: number;
  /**
   * Called during distribution when a frame was put in: for hot consumers, which `take` it then. Must be quick. An
   * exception becomes an uncaught exception in a later turn and affects no other consumer.
   */
  readonly onOffer?: () => void;
  /**
   * Whether `onOffer` does real work, such as rendering: it is then called after those of all other consumers. Default:
   * false.
   */
  readonly costly?: boolean;
  /** Called once, when the consumer is no longer subscribed, for any reason. */
  readonly onEnd?: (end: ReaderEnd) => void;
}

/** Options of {@link FrameSupplier}. */
export interface FrameSupplierOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** The source's current frame interval in milliseconds. Default: measured from the frames' capture times. */
  readonly sourceIntervalMs?: () => number;
}

/** A microtask through a resolved promise costs a third of `queueMicrotask`, which creates an async resource first. */
const RESOLVED = Promise.resolve();

/** A longer gap is a pause of the source and not part of its rate. Milliseconds. */
const LONGEST_INTERVAL_MS = 10_000;
/** Weight of the newest gap in the measured interval: an average over about eight frames, which cancels out jitter. */
const INTERVAL_SHARE = 1 / 8;

/**
 * The supplier: owns the mailboxes of its consumers, over all transports.
 *
 * `publish` puts the frame into a single-slot inbox and returns: it runs no consumer code. Distribution follows in a
 * microtask: up to eight mailboxes in sequence, beyond that in batches of eight, each in a turn of its own.
 */
export class FrameSupplier<F extends SuppliedFrame> implements FramePublisher<F> {
  readonly #clock: Clock;
  readonly #sourceIntervalMs: () => number;
  readonly #byId = new Map<string, Mailbox<F>>();
  readonly #gates = new Map<string, Gate>();
  readonly #costly = new WeakSet<Mailbox<F>>();
  /** Replaced, never mutated, so that a running batch keeps its own view. */
  #mailboxes: readonly Mailbox<F>[] = [];
  #inbox: F | undefined;
  #scheduled = false;
  #running = false;
  #seq = 0;
  #published = 0;
  #distributed = 0;
  #inboxDrops = 0;

  #lastCapturedMs: number | undefined;
  #measuredIntervalMs = 0;

  constructor(options: FrameSupplierOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#sourceIntervalMs = options.sourceIntervalMs ?? (() => this.#measuredIntervalMs);
  }

  get running(): boolean {
    return this.#running;
  }

  /** The clock of the frames' time stamps. */
  get clock(): Clock {
    return this.#clock;
  }

  /** The source's current frame interval in milliseconds. */
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

  /** Current number of consumers. */
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
    this.#measure(frame.capturedMs);
    if (this.#inbox) this.#dropInbox();
    this.#inbox = frame;
    if (this.#scheduled) return;
    this.#scheduled = true;
    void RESOLVED.then(this.#distribute);
  }

  /**
   * Adds a consumer.
   *
   * @throws VigiaError `duplicate_consumer` while the id is subscribed, `invalid_fps` unless fps > 0.
   */
  subscribe(id: string, options: SubscribeOptions = {}): Mailbox<F> {
    if (this.#byId.has(id)) throw new VigiaError('duplicate_consumer', `consumer ${id}: subscribed already`);
    checkFps(id, options.fps);
    const gate = new Gate(options.fps, this.#sourceIntervalMs);
    const mailbox = new Mailbox<F>({
      id,
      gate,
      clock: this.#clock,
      sourceIntervalMs: this.#sourceIntervalMs,
      onOffer: options.onOffer,
      onEnd: options.onEnd,
      onClose: this.#onClose,
    });
    this.#byId.set(id, mailbox);
    this.#gates.set(id, gate);
    if (options.costly) this.#costly.add(mailbox);
    // In order of subscription; consumers with costly offers last.
    const isCostly = (m: Mailbox<F>): boolean => this.#costly.has(m);
    const all = [...this.#mailboxes, mailbox];
    this.#mailboxes = [...all.filter((m) => !isCostly(m)), ...all.filter(isCostly)];
    return mailbox;
  }

  /**
   * Changes the rate of a consumer, over any transport. Its counters continue; frames left out by the new rate are
   * `gated`. Does nothing when no consumer has the id.
   *
   * @param fps Greater than 0, or undefined for every frame.
   * @throws VigiaError `invalid_fps`.
   */
  pace(id: string, fps: number | undefined): void {
    checkFps(id, fps);
    this.#gates.get(id)?.setFps(fps);
    this.#byId.get(id)?.reconsider();
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
    this.#gates.delete(id);
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
    // One reading of the clock for all of them.
    const nowMs = this.#clock.nowMs();
    for (let i = from; i < to; i += 1) mailboxes[i]?.offer(frame, nowMs);
    if (to < mailboxes.length) setImmediate(() => this.#fill(frame, mailboxes, to));
    else frame.release();
  }

  #measure(capturedMs: number): void {
    const gapMs = capturedMs - (this.#lastCapturedMs ?? capturedMs);
    this.#lastCapturedMs = capturedMs;
    if (gapMs <= 0 || gapMs > LONGEST_INTERVAL_MS) return;
    if (this.#measuredIntervalMs === 0) this.#measuredIntervalMs = gapMs;
    else this.#measuredIntervalMs += (gapMs - this.#measuredIntervalMs) * INTERVAL_SHARE;
  }

  #dropInbox(): void {
    this.#inboxDrops += 1;
    this.#inbox?.release();
    this.#inbox = undefined;
  }
}

function checkFps(id: string, fps: number | undefined): void {
  if (fps === undefined || (fps > 0 && Number.isFinite(fps))) return;
  throw new VigiaError('invalid_fps', `consumer ${id}: fps ${fps}, a number above 0 is allowed`);
}
