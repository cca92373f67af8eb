export type { Subscription } from '#node/events';
export { Supervisor, type SupervisorOptions } from './supervisor.ts';
