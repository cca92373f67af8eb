export { encodeSnapshot, type RgbPicture } from './annotate.ts';
