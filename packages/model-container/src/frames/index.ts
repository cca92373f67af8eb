export {
  ConnectionFrames,
  type ConnectionFramesOptions,
  type OpenSegment,
  type SegmentReader,
  type SlotView,
} from './connection-frames.ts';
export { type CheckedPath, FrameRoots, SHARED_MEMORY_DIR } from './frame-roots.ts';
export {
  FRAME_BYTES_LIMIT,
  type FrameFailure,
  type FrameRequest,
  type FrameSource,
  type FrameUse,
  frameError,
} from './frame-source.ts';
export { PlainFiles } from './plain-file.ts';
export { linesOf, packedLayout, type Plane, planeProblem, type RawFrame } from './raw-frame.ts';
