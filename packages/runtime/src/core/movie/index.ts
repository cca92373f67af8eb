// Loads libav: only for processes that write movies.
export { withoutEdits } from '#core/footage';
export { codecStringOf } from './codec-string.ts';
export { DecodeOrder, leastInterval, reorderDepth } from './decode-order.ts';
export { MovieWriter, VIDEO_TIMESCALE } from './movie-writer.ts';
export { shapeAt, type VideoShape } from './parameter-sets.ts';
