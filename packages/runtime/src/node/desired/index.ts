export { describeConfigChanges } from './config-diff.ts';
export { fileAlone, type Initial, initialOf, joined, type Kept, type KeptEntry, KeptFile } from './kept-changes.ts';
export { type Applied, type Author, DesiredState, type DesiredStateOptions, type Revision } from './desired-state.ts';
