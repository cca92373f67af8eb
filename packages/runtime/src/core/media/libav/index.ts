export { Picture, type PictureStamps } from './picture.ts';
export { PictureLimit, refusal } from './picture-limit.ts';
export type { Outline } from './blackout.ts';
export { FrameScaler, SCALE_ROOM } from './scaler.ts';
export { type DecodeOutcome, type Hardware, VideoDecoder, type VideoDecoderOptions } from './video-decoder.ts';
