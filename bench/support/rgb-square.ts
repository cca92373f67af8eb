/** Side of the default model's pictures, pixels. */
export const SIDE = 300;
/** Bytes of one of them: packed RGB24. */
export const SQUARE_BYTES: number = SIDE * SIDE * 3;
/** Shape of one in a slot. */
export const SQUARE = {
  width: SIDE,
  height: SIDE,
  format: 'RGB24',
  planes: [{ offset: 0, stride: SIDE * 3 }],
  byteLength: SQUARE_BYTES,
} as const;
