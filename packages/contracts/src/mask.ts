import type { Bbox, Mask } from './result.ts';

/** A rectangle in fractions of a frame; it may extend beyond the frame. */
export interface MaskRegion {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Run lengths of cells, alternately outside and inside, beginning with outside: the form of a mask in a detection.
 *
 * @param cells Row by row; 0 is outside, anything else inside.
 */
export function encodeRunLengths(cells: Uint8Array): number[] {
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  for (const cell of cells) {
    if ((cell !== 0) !== inside) {
      counts.push(run);
      inside = !inside;
      run = 0;
    }
    run += 1;
  }
  counts.push(run);
  return counts;
}

/**
 * Expands run lengths to cells: 1 inside, 0 outside.
 *
 * @param length Number of cells: `width * height` of the mask.
 * @throws RangeError when the run lengths do not add up to `length`.
 */
export function decodeRunLengths(counts: readonly number[], length: number): Uint8Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total !== length) throw new RangeError(`run lengths of ${total} cells are not a mask of ${length}`);
  const cells = new Uint8Array(length);
  let at = 0;
  counts.forEach((count, i) => {
    if (i % 2 === 1) cells.fill(1, at, at + count);
    at += count;
  });
  return cells;
}

/**
 * Cuts a mask over `bbox` to a region: the cells whose centre lies in the region, at least one column and one row. They
 * cover the part of the box that lies in the region.
 *
 * @param bbox In the same fractions as the region.
 */
export function cutMask(mask: Mask, [x0, y0, x1, y1]: Bbox, region: MaskRegion): Mask {
  const columns = cellsBetween(x0, x1, mask.width, region.x, region.x + region.width);
  const lines = cellsBetween(y0, y1, mask.height, region.y, region.y + region.height);
  if (columns.count === mask.width && lines.count === mask.height) return mask;
  const all = decodeRunLengths(mask.counts, mask.width * mask.height);
  const cells = new Uint8Array(columns.count * lines.count);
  for (let line = 0; line < lines.count; line += 1) {
    const from = (lines.first + line) * mask.width + columns.first;
    cells.set(all.subarray(from, from + columns.count), line * columns.count);
  }
  return { width: columns.count, height: lines.count, counts: encodeRunLengths(cells) };
}

/** The range of `count` cells between `from` and `to` whose centre lies between `low` and `high`; at least one. */
function cellsBetween(
  from: number,
  to: number,
  count: number,
  low: number,
  high: number,
): { readonly first: number; readonly count: number } {
  // A box without area has no cells to choose from: any size will do.
  const size = (to - from) / count || 1;
  const first = Math.min(count - 1, Math.max(0, Math.ceil((low - from) / size - 0.5)));
  const last = Math.max(first, Math.min(count - 1, Math.floor((high - from) / size - 0.5)));
  return { first, count: last - first + 1 };
}
