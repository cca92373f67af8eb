import type { Config, WebhookConfig } from '@vigia/contracts';
import { checkEndpoint } from './endpoint.ts';

/** A webhook: where events are posted to, and which. Address and headers may be secret: never logged. */
export interface PlannedWebhook extends Omit<WebhookConfig, 'kinds' | 'cameras'> {
  readonly id: string;
  readonly kinds: readonly string[] | undefined;
  readonly cameras: readonly string[] | undefined;
}

/** The webhooks of a configuration. @throws UsageError like {@link checkEndpoint}. */
export function plannedWebhooks(webhooks: Config['webhooks']): PlannedWebhook[] {
  return Object.entries(webhooks).map(([id, { url, headers, severity, kinds, cameras }]) => {
    checkEndpoint(`webhooks.${id}`, { url, headers });
    return { id, url, headers, severity, kinds, cameras };
  });
}
