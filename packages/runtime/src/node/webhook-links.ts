import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Log, messageOf } from '@vigia/base';
import type { EventHub, Subscription } from '#core/event-hub';
import { Outbox, type OutboxSource } from '#node/events';
import type { PlannedWebhook } from '#node/plan';
import { Webhook } from '#services/webhooks';

/** Options of {@link WebhookLinks}. */
export interface WebhookLinksOptions {
  /** The version of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hub: EventHub;
  /** Where events wait. Undefined: in memory. */
  readonly store: OutboxSource | undefined;
  /** An event was left out, because its receiver refuses it. */
  readonly onRefused: (why: string) => void;
}

interface Link {
  readonly planned: PlannedWebhook;
  close(): Promise<void>;
}

/** Names of their places in the store begin so. */
const PREFIX = 'webhook.';

/** The node's webhooks. A reload may add, change and remove them; one that stays the same goes on undisturbed. */
export class WebhookLinks {
  readonly #o: WebhookLinksOptions;
  readonly #links = new Map<string, Link>();

  constructor(options: WebhookLinksOptions) {
    this.#o = options;
  }

  /** Uses these webhooks. Resolves when the previous ones have been left. */
  async use(webhooks: readonly PlannedWebhook[]): Promise<void> {
    const wanted = new Map(webhooks.map((one) => [one.id, one]));
    const leaving = [...this.#links].filter(([id, { planned }]) => !isDeepStrictEqual(planned, wanted.get(id)));
    for (const [id] of leaving) this.#links.delete(id);
    // Its successor reads from the same place.
    await Promise.all(leaving.map(([, link]) => link.close()));
    await this.#forgetOthers([...wanted.keys()]);
    for (const [id, planned] of wanted) if (!this.#links.has(id)) this.#links.set(id, this.#begin(planned));
  }

  /** Gives up what is being sent; it is sent again by the next run. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    this.#links.clear();
  }

  /** Nobody reads on where a removed webhook was: it would look like a reader that falls behind. */
  async #forgetOthers(ids: readonly string[]): Promise<void> {
    try {
      await this.#o.store?.forgetOthers(
        PREFIX,
        ids.map((id) => PREFIX + id),
      );
    } catch (error) {
      this.#o.log.warn(`webhooks: ${messageOf(error)}`);
    }
  }

  #begin(planned: PlannedWebhook): Link {
    const { store, version, clock, log, onRefused } = this.#o;
    const webhook = new Webhook({ ...planned, version, clock, log, onRefused });
    const left = store ? this.#fromStore(planned.id, webhook, store) : this.#fromHub(planned.id, webhook);
    return {
      planned,
      close: async () => {
        webhook.close();
        await left();
      },
    };
  }

  /** Events are read from the store; the hub only says that there are more. */
  #fromStore(id: string, webhook: Webhook, source: OutboxSource): () => Promise<void> {
    const { clock, log, hub } = this.#o;
    const name = PREFIX + id;
    const outbox = new Outbox({ name, source, deliver: (event) => webhook.deliver(event), clock, log });
    const subscription = hub.subscribe({ name, limits: { alarms: Number.POSITIVE_INFINITY } }, (item) => {
      if (item.type === 'event') outbox.wake();
    });
    outbox.start();
    return async () => {
      subscription.close();
      await outbox.close();
    };
  }

  /** Too many unread alarms end the subscription, which is logged: the next one goes on with what happens then. */
  #fromHub(id: string, webhook: Webhook): () => Promise<void> {
    let subscription: Subscription | undefined;
    const subscribe = (): void => {
      subscription = this.#o.hub.subscribe({ name: PREFIX + id, onOverflow: subscribe }, (item) =>
        item.type === 'event' ? webhook.deliver(item.event).then(() => undefined) : undefined,
      );
    };
    subscribe();
    return async () => subscription?.close();
  }
}
