export { encodeSnapshot, encodeTile, type RgbPicture, textImage } from './annotate.ts';
