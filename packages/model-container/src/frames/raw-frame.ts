import type { PixelFormat } from '@vigia/contracts';

/** The layout of one plane of a frame: offset of its first byte, and bytes per line. */
export interface Plane {
  readonly offset: number;
  readonly stride: number;
}

/**
 * A frame in its own size and format. `pixels` is borrowed: a slot of shared memory, or a buffer that the next frame
 * reuses. `planes` are validated to lie inside it.
 */
export interface RawFrame {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: PixelFormat;
  readonly planes: readonly Plane[];
  readonly pixels: Uint8Array;
}

/** Bytes per line and number of lines of each plane, without padding. Chroma is halved, odd sizes are rounded up. */
export function linesOf(
  format: PixelFormat,
  width: number,
  height: number,
): readonly { readonly bytes: number; readonly lines: number }[] {
  const halfWidth = Math.ceil(width / 2);
  const half = Math.ceil(height / 2);
  switch (format) {
    case 'GRAY8':
      return [{ bytes: width, lines: height }];
    case 'NV12':
      return [
        { bytes: width, lines: height },
        { bytes: 2 * halfWidth, lines: half },
      ];
    case 'I420':
      return [
        { bytes: width, lines: height },
        { bytes: halfWidth, lines: half },
        { bytes: halfWidth, lines: half },
      ];
    default:
      return [{ bytes: 3 * width, lines: height }];
  }
}

/** The planes of a tightly packed frame, and its size in bytes. */
export function packedLayout(
  format: PixelFormat,
  width: number,
  height: number,
): { readonly planes: readonly Plane[]; readonly byteLength: number } {
  let offset = 0;
  const planes = linesOf(format, width, height).map(({ bytes, lines }): Plane => {
    const plane = { offset, stride: bytes };
    offset += bytes * lines;
    return plane;
  });
  return { planes, byteLength: offset };
}

/** Why the planes of a frame do not fit into its bytes; undefined when they do. Afterwards no access leads outside. */
export function planeProblem(frame: Omit<RawFrame, 'pixels'>, byteLength: number): string | undefined {
  const lines = linesOf(frame.format, frame.width, frame.height);
  if (lines.length !== frame.planes.length) return `${frame.planes.length} planes, ${frame.format} has ${lines.length}`;
  for (const [i, { bytes, lines: count }] of lines.entries()) {
    const { offset, stride } = frame.planes[i] as Plane;
    if (stride < bytes) return `lines of ${stride} bytes, ${bytes} are needed`;
    if (offset + (count - 1) * stride + bytes > byteLength)
      return `a plane ends behind the frame's ${byteLength} bytes`;
  }
  return undefined;
}
