import { packedBytes, packedStrides, type PixelFormat } from '@vigia/contracts';
import type { FrameShape } from './frame-segment-writer.ts';

/** A frame whose lines and planes follow each other without gaps. Sizes of NV12 and I420 are even. */
export function packedShape(format: PixelFormat, width: number, height: number): FrameShape {
  let offset = 0;
  const planes = packedStrides(format, width).map((stride, i) => {
    const plane = { offset, stride };
    // Colour planes of NV12 and I420 have half the lines.
    offset += stride * (i === 0 ? height : height / 2);
    return plane;
  });
  return { width, height, format, planes, byteLength: packedBytes(format, width, height) };
}
