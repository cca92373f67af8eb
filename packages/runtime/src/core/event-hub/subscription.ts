import type { NodeItem } from '@vigia/contracts';
import { classOf, type ItemClass, stateKeyOf } from './item-class.ts';

/** Receives the items of a subscription, one at a time and in order. The next item waits for the returned promise. */
export type ItemHandler = (item: NodeItem) => void | Promise<void>;

/** How many items of each class may wait for a subscriber. */
export interface QueueLimits {
  /** Results and statistics. The oldest are dropped. */
  readonly samples: number;
  /** Events below `alarm`. The oldest are dropped. */
  readonly events: number;
  /** Alarms are never dropped. A subscriber with more unread alarms is ended. */
  readonly alarms: number;
  /** Characters that the waiting alarms may have together, as JSON. */
  readonly alarmCharacters: number;
}

/**
 * The default {@link QueueLimits}. States need no limit: one waits per subject, and the configuration bounds the
 * subjects.
 */
export const QUEUE_LIMITS: QueueLimits = {
  samples: 256,
  events: 1_024,
  alarms: 16_384,
  alarmCharacters: 8 * 1024 * 1024,
};

/** Options of {@link Subscription}. */
export interface SubscriptionOptions {
  /** For the log and the report. */
  readonly name: string;
  readonly handle: ItemHandler;
  /** The handler threw or rejected. The item counts as delivered. */
  readonly onError: (error: unknown) => void;
  /** The subscription was ended because too many alarms were unread. */
  readonly onOverflow?: (() => void) | undefined;
  /** It was closed, by whichever end. Called once. */
  readonly onClose?: ((subscription: Subscription) => void) | undefined;
  readonly limits?: Partial<QueueLimits> | undefined;
  /** Other items are neither delivered nor counted. Default: all. */
  readonly wants?: ((item: NodeItem) => boolean) | undefined;
}

/** What a subscriber received and lost. */
export interface SubscriptionReport {
  readonly delivered: number;
  /** Delivered items whose handler failed. */
  readonly failed: number;
  /** Dropped because newer items arrived. A dropped state was replaced by a newer state of its subject. */
  readonly dropped: { readonly samples: number; readonly events: number; readonly states: number };
  readonly queued: number;
}

/**
 * One subscriber's queue. A subscriber that is slow, throws, or leaves while it is called affects neither the publisher
 * nor other subscribers. A full queue drops the oldest samples and events, replaces a state by a newer state of its
 * subject, and never drops an alarm. Items are delivered in the order of publishing.
 */
export class Subscription {
  readonly #o: SubscriptionOptions;
  readonly #limits: QueueLimits;
  /** In order of publishing. */
  readonly #queue = new Map<number, NodeItem>();
  readonly #waiting: Readonly<Record<Exclude<ItemClass, 'state'>, Set<number>>> = {
    sample: new Set(),
    event: new Set(),
    alarm: new Set(),
  };
  readonly #states = new Map<string, number>();
  #sequence = 0;
  /** Of the alarms that wait. */
  #alarmCharacters = 0;
  #delivered = 0;
  #failed = 0;
  readonly #dropped = { samples: 0, events: 0, states: 0 };
  #paused = false;
  #delivering = false;
  #closed = false;
  #drained: (() => void)[] = [];

  constructor(options: SubscriptionOptions) {
    this.#o = options;
    this.#limits = { ...QUEUE_LIMITS, ...options.limits };
  }

  get name(): string {
    return this.#o.name;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A copy of the counters. */
  report(): SubscriptionReport {
    return {
      delivered: this.#delivered,
      failed: this.#failed,
      dropped: { ...this.#dropped },
      queued: this.#queue.size,
    };
  }

  /** Dropped items: `samples` are gone, `kept` can still be read from the store (replaced states count). */
  get lost(): { readonly samples: number; readonly kept: number } {
    const { samples, events, states } = this.#dropped;
    return { samples, kept: events + states };
  }

  /** Accepts an item from the hub. Delivers it at once when the queue is empty, else queues it. Never throws. */
  offer(item: NodeItem): void {
    if (this.#closed || this.#o.wants?.(item) === false) return;
    if (this.#paused || this.#delivering || this.#queue.size > 0) this.#enqueue(item);
    else this.#deliver(item);
    this.#pump();
  }

  /** Stops delivery until `resume`. Idempotent. */
  pause(): void {
    this.#paused = true;
  }

  /** Delivers the queued items. Idempotent. */
  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Ends the subscription and discards its queue. Idempotent; allowed inside the handler. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#o.onClose?.(this);
    this.#queue.clear();
    this.#alarmCharacters = 0;
    this.#states.clear();
    for (const ids of Object.values(this.#waiting)) ids.clear();
    this.#settleDrained();
  }

  /** Resolves when the queue is empty and no handler runs, or when the subscription is closed. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#settleDrained();
    });
  }

  #enqueue(item: NodeItem): void {
    const id = this.#sequence;
    this.#sequence += 1;
    const itemClass = classOf(item);
    this.#queue.set(id, item);
    if (itemClass === 'state') {
      const key = stateKeyOf(item);
      const older = this.#states.get(key);
      if (older !== undefined && this.#queue.delete(older)) this.#dropped.states += 1;
      this.#states.set(key, id);
      return;
    }
    const waiting = this.#waiting[itemClass];
    waiting.add(id);
    if (itemClass === 'alarm') {
      this.#alarmCharacters += lengthOf(item);
      this.#checkAlarms();
    } else if (itemClass === 'sample') this.#dropped.samples += this.#dropOldest(waiting, this.#limits.samples);
    else this.#dropped.events += this.#dropOldest(waiting, this.#limits.events);
  }

  /** @returns the number of dropped items: 0 or 1. */
  #dropOldest(waiting: Set<number>, limit: number): number {
    if (waiting.size <= limit) return 0;
    const [oldest = -1] = waiting;
    waiting.delete(oldest);
    this.#queue.delete(oldest);
    return 1;
  }

  /** Ends the subscription instead of dropping an alarm: the subscriber must not miss one unnoticed. */
  #checkAlarms(): void {
    const { alarms, alarmCharacters } = this.#limits;
    if (this.#waiting.alarm.size <= alarms && this.#alarmCharacters <= alarmCharacters) return;
    this.close();
    this.#o.onOverflow?.();
  }

  #pump(): void {
    while (!this.#paused && !this.#delivering && !this.#closed) {
      const first = this.#queue.entries().next();
      if (first.done) break;
      const [id, item] = first.value;
      this.#remove(id, item);
      this.#deliver(item);
    }
    this.#settleDrained();
  }

  #remove(id: number, item: NodeItem): void {
    this.#queue.delete(id);
    const itemClass = classOf(item);
    if (itemClass === 'state') this.#states.delete(stateKeyOf(item));
    else this.#waiting[itemClass].delete(id);
    if (itemClass === 'alarm') this.#alarmCharacters -= lengthOf(item);
  }

  #deliver(item: NodeItem): void {
    this.#delivered += 1;
    this.#delivering = true;
    let pending: void | Promise<void> = undefined;
    try {
      pending = this.#o.handle(item);
    } catch (error) {
      this.#onError(error);
    }
    if (pending === undefined) {
      this.#delivering = false;
      return;
    }
    pending
      .catch((error: unknown) => this.#onError(error))
      .finally(() => {
        this.#delivering = false;
        this.#pump();
      });
  }

  #onError(error: unknown): void {
    this.#failed += 1;
    this.#o.onError(error);
  }

  #settleDrained(): void {
    if (!this.#closed && (this.#delivering || this.#queue.size > 0)) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

/** Alarms are rare: their length is computed only for a subscriber that lags. */
function lengthOf(item: NodeItem): number {
  return JSON.stringify(item).length;
}
