export type { Detection, Keypoint, Mask, WorkerFormat } from '@vigia/contracts';
export type { Answer } from './answer-message.ts';
export { Frame } from './frame.ts';
export type { FrameFacts } from './host-link.ts';
export type { Plane } from './planes.ts';
export type { WorkerInput } from './surroundings.ts';
export { type FramesOptions, frames, heartbeat, type LogLevel, log, options, workerInput } from './worker.ts';
