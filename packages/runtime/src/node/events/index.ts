export { Announcer } from './announcer.ts';
export { EventHub, type SubscribeOptions } from './event-hub.ts';
export { NodeEvents } from './node-events.ts';
export { Outbox, type OutboxSource } from './outbox.ts';
export { steadily } from './steadily.ts';
export type { ItemHandler, Subscription, SubscriptionReport } from './subscription.ts';
