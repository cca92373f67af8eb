export type { ClipPlan, Gap } from './clip-plan.ts';
export type { Sink } from './clip-stream.ts';
export { type ClipFacts, factsOf, writeClip } from './clips.ts';
export { Playback, type PlaybackOptions } from './playback.ts';
export type { Wanted } from './segments.ts';
