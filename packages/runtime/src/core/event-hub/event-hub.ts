import { type Log, messageOf } from '@vigia/base';
import type { NodeItem } from '@vigia/contracts';
import { isState, stateKeyOf } from './item-class.ts';
import { type ItemHandler, Subscription, type SubscriptionOptions, type SubscriptionReport } from './subscription.ts';

/** How to subscribe. */
export interface SubscribeOptions extends Pick<SubscriptionOptions, 'limits' | 'onOverflow'> {
  readonly name: string;
  /** Deliver the latest state of every subject first. */
  readonly replayStates?: boolean;
  /** Only these items. Called for each item that is published: it must be quick. Default: all. */
  readonly wants?: (item: NodeItem) => boolean;
  /** It comes and goes, like a client of the network. */
  readonly guest?: boolean;
}

/**
 * The node's stream of results, statistics, states and events. Publishing never waits and never throws. Every
 * subscriber receives the items in the order of publishing from its own bounded queue; {@link Subscription} defines
 * what a slow subscriber loses. Runs in the supervisor's event loop.
 */
export class EventHub {
  readonly #log: Log;
  readonly #subscriptions = new Map<Subscription, { readonly since: number; readonly guest: boolean }>();
  /** The latest state of each subject, for new subscribers. */
  readonly #states = new Map<string, NodeItem>();
  /** Items that handlers published while another item is being handed out. */
  readonly #published: { readonly item: NodeItem; readonly sequence: number }[] = [];
  #sequence = 0;
  #dispatching = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Hands an item to every subscriber. */
  publish(item: NodeItem): void {
    this.#sequence += 1;
    this.#remember(item);
    this.#published.push({ item, sequence: this.#sequence });
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let next = this.#published.shift(); next; next = this.#published.shift()) this.#handOut(next);
    } finally {
      this.#dispatching = false;
    }
  }

  /** Delivers every item from now on, until the subscription is closed. A handler that throws loses only that item. */
  subscribe(
    { name, limits, onOverflow, replayStates, wants, guest = false }: SubscribeOptions,
    handle: ItemHandler,
  ): Subscription {
    let complained = false;
    const subscription = new Subscription({
      name,
      handle,
      limits,
      wants,
      onOverflow: () => {
        this.#log.error(`subscriber ${name} left too many alarms unread and was ended`);
        onOverflow?.();
      },
      onError: (error) => {
        // Every failure is counted, the first one is logged: a broken subscriber must not fill the log.
        if (!complained) this.#log.error(`subscriber ${name} failed: ${messageOf(error)}`);
        complained = true;
      },
      // At once: clients of the network come and go while nothing is published.
      onClose: (closed) => this.#subscriptions.delete(closed),
    });
    this.#subscriptions.set(subscription, { since: this.#sequence, guest });
    if (replayStates) for (const item of this.#states.values()) subscription.offer(item);
    return subscription;
  }

  /** What each subscriber received and lost, by name. Guests are not in it: their counters end with them. */
  report(): Record<string, SubscriptionReport> {
    const residents = [...this.#subscriptions].filter(([, { guest }]) => !guest);
    return Object.fromEntries(residents.map(([subscription]) => [subscription.name, subscription.report()]));
  }

  /** How many there are now, guests included. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /** Ends every subscription. */
  close(): void {
    for (const subscription of this.#subscriptions.keys()) subscription.close();
  }

  #handOut({ item, sequence }: { readonly item: NodeItem; readonly sequence: number }): void {
    for (const [subscription, { since }] of this.#subscriptions) {
      if (sequence > since) subscription.offer(item);
    }
  }

  #remember(item: NodeItem): void {
    if (!isState(item) || item.type !== 'event') return;
    if (item.event.phase === 'end') this.#states.delete(stateKeyOf(item));
    else this.#states.set(stateKeyOf(item), item);
  }
}
