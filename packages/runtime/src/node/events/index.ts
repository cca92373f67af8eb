export { Announcer } from './announcer.ts';
export { NodeEvents } from './node-events.ts';
export { Outbox, type OutboxSource } from './outbox.ts';
export { steadily } from './steadily.ts';
