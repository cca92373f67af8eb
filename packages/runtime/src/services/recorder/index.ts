export { Recorder } from './recorder.ts';
export type { RecorderOptions } from './recorder-options.ts';
