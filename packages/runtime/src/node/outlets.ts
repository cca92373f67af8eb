import { type HealthProblem, WHOLE_NODE } from '@vigia/contracts';
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

  /** Alarms have another way out than the broker. */
  #hasWebhooks = false;

  constructor(options: BrokerLinkOptions & TraceLinkOptions & WebhookLinksOptions) {
    this.broker = new BrokerLink(options);
    this.traces = new TraceLink(options);
    this.webhooks = new WebhookLinks(options);
  }

  /** Why alarms do not arrive. A page must be open to show one: it is no way out. */
  get problems(): readonly HealthProblem[] {
    const { problems, away } = this.broker;
    if (problems.length > 0 || away === undefined || this.#hasWebhooks) return problems;
    const message = `alarms reach nobody: ${away}, and the node has no webhook`;
    return [{ code: 'mqtt_away', camera: WHOLE_NODE, message }];
  }

  /**
   * Uses the broker, the webhooks and the collector of a plan, as far as they are new. Resolves when their predecessors have been left,
   * at most a second later.
   */
  async use(plan: Plan, change: Pick<PlanChange, 'mqtt' | 'tracing' | 'webhooks'> = ALL): Promise<void> {
    this.#hasWebhooks = plan.webhooks.length > 0;
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
