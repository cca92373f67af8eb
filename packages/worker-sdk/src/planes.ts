import { VigiaError } from '@vigia/base';
import { type PixelFormat, packedStrides } from '@vigia/contracts';

/** A plane of a frame. */
export interface Plane {
  /** Bytes from the first pixel of the frame. */
  readonly offset: number;
  /** Bytes per line. */
  readonly stride: number;
}

/**
 * The planes of a frame, which follow each other without gaps.
 *
 * @param byteLength Total bytes of pixels.
 * @param strides Bytes per line of each plane. Default: lines without gaps.
 * @throws VigiaError `frame_invalid` when no frame of this format and size has this layout.
 */
export function planesOf(
  { format, width, height }: { readonly format: PixelFormat; readonly width: number; readonly height: number },
  byteLength: number,
  strides?: readonly number[],
): Plane[] {
  const lineBytes = packedStrides(format, width);
  const given = strides ?? lineBytes;
  let end = 0;
  const planes = given.map((stride, i) => {
    const offset = end;
    end += stride * (i === 0 ? height : height / 2);
    return { offset, stride };
  });
  const lines = given.length === lineBytes.length && given.every((stride, i) => stride >= (lineBytes[i] ?? 0));
  if (!lines || end !== byteLength)
    throw new VigiaError(
      'frame_invalid',
      `${format} of ${width}x${height} cannot be ${byteLength} bytes with lines of ${given.join(', ')}`,
    );
  return planes;
}
