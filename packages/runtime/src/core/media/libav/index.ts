export { Picture, type PictureStamps } from './picture.ts';
export { FrameScaler } from './scaler.ts';
export { type DecodeOutcome, type Hardware, VideoDecoder, type VideoDecoderOptions } from './video-decoder.ts';
