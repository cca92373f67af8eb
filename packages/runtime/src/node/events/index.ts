export { Announcer } from './announcer.ts';
export { EventHub } from './event-hub.ts';
export { eventIds } from './event-ids.ts';
export type { Subscription, SubscriptionReport } from './subscription.ts';
