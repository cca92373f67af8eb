export { type DecodeOutcome, H264Decoder } from './h264-decoder.ts';
export { Picture, type PictureStamps } from './picture.ts';
export { RgbScaler } from './scaler.ts';
