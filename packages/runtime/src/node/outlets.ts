import type { Plan, PlanChange } from '#node/plan';
import { BrokerLink, type BrokerLinkOptions } from './broker-link.ts';
import { TraceLink, type TraceLinkOptions } from './trace-link.ts';
import { WebhookLinks, type WebhookLinksOptions } from './webhook-links.ts';

const ALL = { mqtt: true, tracing: true, webhooks: true } as const;

/** Everything that the node sends by itself: results and events to a broker, events to webhooks, traces to a collector. */
export class Outlets {
  readonly broker: BrokerLink;
  readonly traces: TraceLink;
  readonly webhooks: WebhookLinks;

  constructor(options: BrokerLinkOptions & TraceLinkOptions & WebhookLinksOptions) {
    this.broker = new BrokerLink(options);
    this.traces = new TraceLink(options);
    this.webhooks = new WebhookLinks(options);
  }

  /**
   * Uses the broker, the webhooks and the collector of a plan, as far as they are new. Resolves when their predecessors have been left,
   * at most a second later.
   */
  async use(plan: Plan, change: Pick<PlanChange, 'mqtt' | 'tracing' | 'webhooks'> = ALL): Promise<void> {
    await Promise.all([
      change.mqtt ? this.broker.use(plan.mqtt) : undefined,
      change.tracing ? this.traces.use(plan.tracing) : undefined,
      change.webhooks ? this.webhooks.use(plan.webhooks) : undefined,
    ]);
  }

  /** Sends the last events and traces, and disconnects, in at most 1.5 s. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.broker.close(), this.traces.close(), this.webhooks.close()]);
  }
}
