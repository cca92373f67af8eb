export {
  ConnectionFrames,
  type ConnectionFramesOptions,
  type OpenSegment,
  type SegmentReader,
} from './connection-frames.ts';
export { type CheckedPath, FrameRoots, SHARED_MEMORY_DIR } from './frame-roots.ts';
export {
  FRAME_FORMATS,
  type FrameGeometry,
  type FrameRead,
  type FrameRequest,
  type FrameSource,
} from './frame-source.ts';
