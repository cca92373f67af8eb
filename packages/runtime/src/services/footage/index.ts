export { lockDirectory } from './directory-lock.ts';
export { FootageIndex, type FootageIndexOptions } from './footage-index.ts';
export { Growth, type GrowthOptions } from './growth.ts';
export { Mover, type MoverOptions, type MoveSteps } from './mover.ts';
export { ResultFiles, type ResultFilesOptions } from './result-files.ts';
export { reachOf } from './reach.ts';
export { Retention, type RetentionDir, type RetentionOptions } from './retention.ts';
export { chooseRoom, type RoomDir } from './room.ts';
export { type Rebuilt, Scanner, type ScannerOptions } from './scanner.ts';
export { SegmentFiles } from './segment-files.ts';
export { fileOf, type SegmentGap, type SegmentRow } from './segment-row.ts';
export {
  makeDirectory,
  type StorageLook,
  type StorageTrouble,
  StorageWatch,
  type StorageWatchOptions,
} from './storage-watch.ts';
export type { Gap, RecordedSpan } from './timeline.ts';
