import type { Bbox, PixelFormat } from '@vigia/contracts';
import type { Geometry } from './geometry.ts';

/** A square of the picture, which may reach over its edges. In heights of the picture, from its left upper corner. */
export interface Square {
  /** The middle. */
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

/** By how much a square is turned to the right before a model sees it. Degrees. */
export type Turn = 0 | 90;

/** Size and format that a model wants. */
interface Wanted {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
}

/** Outside the picture it is black: care was measured with that. */
const OUTSIDE = 0;

/**
 * How a square becomes a rendition, before it is turned. Undefined when the square does not touch the picture.
 *
 * @param sourceWidth, sourceHeight Of the picture, pixels.
 */
export function squareGeometry(
  { x, y, side }: Square,
  sourceWidth: number,
  sourceHeight: number,
  { width, height, format }: Wanted,
): Geometry | undefined {
  const pixels = side * sourceHeight;
  const [left, top] = [x * sourceHeight - pixels / 2, y * sourceHeight - pixels / 2];
  const across = span(left, pixels, sourceWidth, width);
  const down = span(top, pixels, sourceHeight, height);
  if (!across || !down) return undefined;
  const crop = { x: across.from, y: down.from, width: across.length, height: down.length };
  const content = { x: across.at, y: down.at, width: across.size, height: down.size };
  return { width, height, crop, content, padding: OUTSIDE, format };
}

/** One axis: the pixels of the source that are seen, and where they are in the rendition. */
function span(
  begin: number,
  length: number,
  source: number,
  target: number,
): { readonly from: number; readonly length: number; readonly at: number; readonly size: number } | undefined {
  // Chroma is subsampled: crops begin and end on even pixels.
  const from = Math.max(0, 2 * Math.round(begin / 2));
  const end = Math.min(source, 2 * Math.round((begin + length) / 2));
  if (!(end - from >= 2)) return undefined;
  const scale = target / length;
  const at = Math.min(target - 1, Math.max(0, Math.round((from - begin) * scale)));
  const size = Math.max(1, Math.min(target - at, Math.round((end - from) * scale)));
  return { from, length: end - from, at, size };
}

/**
 * Turns packed pixels by 90° to the right.
 *
 * @param from `height` pixels wide and `width` high. @param into `width` × `height` pixels. @param bytes Of a pixel.
 */
export function turnRight(from: Buffer, into: Buffer, width: number, height: number, bytes: number): void {
  let at = 0;
  for (let v = 0; v < height; v += 1) {
    for (let u = 0; u < width; u += 1) {
      const source = ((width - 1 - u) * height + v) * bytes;
      for (let i = 0; i < bytes; i += 1) into[at + i] = from[source + i] as number;
      at += bytes;
    }
  }
}

/** Maps a box from shares of a turned square to shares of the whole picture, cut at its edges. */
export function wholeFromSquare(
  [left, top, right, bottom]: Bbox,
  { x, y, side }: Square,
  turn: Turn,
  aspect: number,
): Bbox {
  const across = turn === 90 ? [top, bottom] : [left, right];
  const down = turn === 90 ? [1 - right, 1 - left] : [top, bottom];
  const [x0, x1] = across.map((share) => (x + (share - 0.5) * side) / aspect) as [number, number];
  const [y0, y1] = down.map((share) => y + (share - 0.5) * side) as [number, number];
  return [cut(x0), cut(y0), cut(x1), cut(y1)];
}

function cut(share: number): number {
  return Math.min(1, Math.max(0, share));
}
