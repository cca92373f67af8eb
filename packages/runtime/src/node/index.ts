export type { Subscription } from '#node/events';
export { LogRing } from './log-ring.ts';
export { Supervisor, type SupervisorOptions } from './supervisor.ts';
