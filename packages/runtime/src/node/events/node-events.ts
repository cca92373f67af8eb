import { type Clock, codeOf, type Log, messageOf } from '@vigia/base';
import type { HealthProblem, NodeEvent } from '@vigia/contracts';
import type { NodeStore } from '#services/store';
import { Announcer } from './announcer.ts';
import { EventHub, eventIds } from '#core/event-hub';
import { Keeper } from './keeper.ts';
import { removeOldEvents } from './retention.ts';
import { StorageWatch } from './storage-watch.ts';

/** Options of {@link NodeEvents}. */
export interface NodeEventsOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: events are published without being stored. */
  readonly store: NodeStore | undefined;
  /** Sends an alarm that is not stored (yet): it must not wait for a disk. */
  readonly sendAhead: (event: NodeEvent) => void;
}

/** The way of what happens: announced, stored, published. */
export class NodeEvents {
  readonly #o: NodeEventsOptions;
  readonly #storage: StorageWatch;
  readonly hub: EventHub;
  readonly announcer: Announcer;
  /** A new id, greater than all before. */
  readonly newId: () => string;
  /** The run of the node. */
  readonly boot: string;

  constructor(options: NodeEventsOptions) {
    this.#o = options;
    const { node, clock, log, store } = options;
    this.newId = eventIds(clock, store?.lastId);
    this.boot = this.newId();
    this.hub = new EventHub(log);
    const keeper = new Keeper({
      publish: (item) => this.hub.publish(item),
      onLost: (error, event) => this.#onLost(error, event),
    });
    if (store) keeper.use((event) => store.append(event));
    const publish = keeper.publish.bind(keeper);
    this.announcer = new Announcer({ node, boot: this.boot, clock, newId: this.newId, publish });
    this.#storage = new StorageWatch(this.announcer, log);
    store?.watch((trouble) => this.#storage.trouble(trouble));
  }

  /** What is wrong with the store. */
  get problems(): readonly HealthProblem[] {
    return this.#storage.problems;
  }

  /** Removes old events. Rejects when the store cannot. */
  async prune(): Promise<void> {
    if (this.#o.store) await removeOldEvents(this.#o.store, this.#storage);
  }

  /** The store has it later, or never. */
  #onLost(error: unknown, event: NodeEvent): void {
    if (codeOf(error) !== 'store_late') this.#o.log.error(`an event is not stored: ${messageOf(error)}`);
    if (event.severity === 'alarm') this.#o.sendAhead(event);
  }
}
