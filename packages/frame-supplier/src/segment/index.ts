export { FrameSegmentReader, type FrameView, type ReadOutcome } from './frame-segment-reader.ts';
export { type FrameSegmentOptions, FrameSegmentWriter, type FrameStamp } from './frame-segment-writer.ts';
export { isUnfinished, readerPagePath, removeSegmentsOfWriter, sweepSegments } from './segment-files.ts';
export { type SegmentMemory, threadMemory } from './segment-memory.ts';
export { type SlotLease, SlotRing } from './slot-ring.ts';
