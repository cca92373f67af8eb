export { encodeSnapshot, type RgbPicture, textImage } from './annotate.ts';
