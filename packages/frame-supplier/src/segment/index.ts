export { FrameSegmentReader, type FrameView, type ReadOutcome } from './frame-segment-reader.ts';
export {
  type FrameSegmentOptions,
  FrameSegmentWriter,
  type FrameShape,
  type FrameStamp,
} from './frame-segment-writer.ts';
export { isUnfinished, readerPagePath, removeSegmentsOfWriter, sweepSegments } from './segment-files.ts';
export { getU64, putU64, type SegmentMemory, threadMemory } from './segment-memory.ts';
export { type SlotLease, SlotRing } from './slot-ring.ts';
export { packedShape } from './packed-shape.ts';
