export { Announcer } from './announcer.ts';
export { EventHub, type SubscribeOptions } from './event-hub.ts';
export { Keeper } from './keeper.ts';
export { Outbox, type OutboxSource } from './outbox.ts';
export { removeOldEvents } from './retention.ts';
export { eventIds } from './event-ids.ts';
export type { ItemHandler, Subscription, SubscriptionReport } from './subscription.ts';
