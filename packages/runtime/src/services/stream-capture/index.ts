export { EncodedTap, type EncodedTapOptions, type TapItem, type TapStatistics } from './encoded-tap.ts';
export { Renditions, type RenditionsOptions } from './renditions.ts';
export {
  type CaptureCounters,
  type CaptureState,
  type PictureSink,
  StreamCapture,
  type StreamCaptureOptions,
  type StreamDescription,
} from './stream-capture.ts';
export { DECODE_ALL, type DecodeOptions } from './unit-decoder.ts';
