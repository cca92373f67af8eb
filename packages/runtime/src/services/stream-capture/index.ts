export type {
  CaptureCounters,
  CaptureState,
  PictureSink,
  StreamCaptureOptions,
  StreamDescription,
} from './capture-options.ts';
export { Renditions, type RenditionsOptions } from './renditions.ts';
export { SquareRendition, type SquareRenditionOptions } from './square-rendition.ts';
export { StreamCapture } from './stream-capture.ts';
export { DECODE_ALL, type DecodeOptions } from './unit-decoder.ts';
