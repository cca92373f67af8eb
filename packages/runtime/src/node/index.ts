export type { Subscription } from '#core/event-hub';
export type { DemoCameras } from './demo-breaks.ts';
export { LogRing } from './log-ring.ts';
export { Supervisor, type SupervisorOptions } from './supervisor.ts';
