export { Webhook, type WebhookFilter } from './webhook.ts';
