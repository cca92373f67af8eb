import type { NodeEvent, NodeItem } from '@vigia/contracts';

/** Stores events. Resolves when an event is stored. */
export type StoreEvent = (event: NodeEvent) => Promise<void>;

/** Options of {@link Keeper}. */
export interface KeeperOptions {
  readonly publish: (item: NodeItem) => void;
  /** An event is not stored, or not yet. It is published all the same: late knowledge is better than none. */
  readonly onLost: (error: unknown, event: NodeEvent) => void;
}

interface Held {
  readonly item: NodeItem;
  ready: boolean;
}

/**
 * Publishes events in their order, each after it was stored. Results and statistics are not held: they are of use now
 * or not at all. Without a store, everything is published at once.
 */
export class Keeper {
  readonly #o: KeeperOptions;
  readonly #held: Held[] = [];
  #store: StoreEvent | undefined;

  constructor(options: KeeperOptions) {
    this.#o = options;
  }

  /** From now on events are stored first. Undefined: no longer. */
  use(store: StoreEvent | undefined): void {
    this.#store = store;
  }

  /** How many events wait for the disk, or for one that does. */
  get waiting(): number {
    return this.#held.length;
  }

  publish(item: NodeItem): void {
    if (item.type !== 'event') {
      this.#o.publish(item);
      return;
    }
    const { event } = item;
    const store = event.severity === 'debug' ? undefined : this.#store;
    if (!store && this.#held.length === 0) {
      this.#o.publish(item);
      return;
    }
    const held: Held = { item, ready: store === undefined };
    this.#held.push(held);
    store?.(event)
      .catch((error: unknown) => this.#o.onLost(error, event))
      .finally(() => {
        held.ready = true;
        this.#release();
      });
  }

  #release(): void {
    while (this.#held[0]?.ready) {
      const first = this.#held.shift();
      if (first) this.#o.publish(first.item);
    }
  }
}
