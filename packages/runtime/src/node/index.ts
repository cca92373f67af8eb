export type { Subscription } from '#core/event-hub';
export { LogRing } from './log-ring.ts';
export { Supervisor, type SupervisorOptions } from './supervisor.ts';
