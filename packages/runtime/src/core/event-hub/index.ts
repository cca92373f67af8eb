export { EventHub, type SubscribeOptions } from './event-hub.ts';
export { eventIds } from './event-ids.ts';
export type { ItemHandler, Subscription, SubscriptionReport } from './subscription.ts';
