// Decoded picture buffers, in macroblocks of 16×16 (H.264 table A-1, MaxDpbMbs; H.265 A.4.2 allows 6 to 16 pictures).
// Level 5.2 is the highest one that cameras declare, and covers pictures up to 4096×2304. Levels 6.x have a larger
// buffer only for the larger pictures that no lower level allows.
const LEVEL_5_2 = { frame: 36_864, buffer: 184_320 };
const LEVEL_6_2 = { frame: 139_264, buffer: 696_320 };
/** No level allows more reference pictures. */
const MOST_REFERENCES = 16;
/** H.265 allows this many at the largest picture size of each level. */
const LEAST_REFERENCES = 6;

/** The most reference pictures that a single-threaded decoder may keep. Sizes in pixels. */
export function referencePictures(width: number, height: number): number {
  const macroblocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const level = macroblocks <= LEVEL_5_2.frame ? LEVEL_5_2 : LEVEL_6_2;
  return Math.min(MOST_REFERENCES, Math.max(LEAST_REFERENCES, Math.floor(level.buffer / macroblocks)));
}
