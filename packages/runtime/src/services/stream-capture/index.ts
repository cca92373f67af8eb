export { EncodedTap, type EncodedTapOptions, type TapItem, type TapStatistics } from './encoded-tap.ts';
export { type RenderedFrame, Renditions, type RenditionsOptions } from './renditions.ts';
export {
  type CaptureCounters,
  type CaptureState,
  StreamCapture,
  type StreamCaptureOptions,
  type StreamDescription,
} from './stream-capture.ts';
export { DECODE_ALL, type DecodeOptions, type PictureSink } from './unit-decoder.ts';
