export { Recordings, type RecordingsOptions } from './recordings.ts';
