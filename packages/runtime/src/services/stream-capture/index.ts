export { type RenderedFrame, Renditions, type RenditionsOptions, renditionKey } from './renditions.ts';
export {
  type CaptureCounters,
  type CaptureState,
  type PictureSink,
  StreamCapture,
  type StreamCaptureOptions,
} from './stream-capture.ts';
