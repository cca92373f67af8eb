import type { Bbox, Detection, Mask } from '@vigia/contracts';
import { type Geometry, wholeFromRendition } from '#core/media';

/**
 * A detection in shares of the rendition that a model saw, in shares of the camera's whole picture. What the model saw in
 * the padding is cut off: boxes and points are kept inside, a mask loses the cells that lie outside.
 *
 * @param width, height Of the whole picture, pixels.
 */
export function mapBack(detection: Detection, geometry: Geometry, width: number, height: number): Detection {
  const { bbox, keypoints, mask } = detection;
  const mapped = (box: Bbox): Bbox => wholeFromRendition(box, geometry, width, height);
  return {
    ...detection,
    bbox: mapped(bbox),
    ...(keypoints && {
      keypoints: keypoints.map(({ name, x, y, confidence }) => {
        const [wholeX, wholeY] = mapped([x, y, x, y]);
        return { name, x: wholeX, y: wholeY, confidence };
      }),
    }),
    ...(mask && { mask: cutMask(mask, bbox, geometry) }),
  };
}

/** The cells of a mask over `bbox` whose middle lies in the content of the rendition. */
function cutMask(mask: Mask, [x0, y0, x1, y1]: Bbox, { content, width, height }: Geometry): Mask {
  if (content.width === width && content.height === height) return mask;
  const columns = inside(x0, x1, mask.width, content.x / width, (content.x + content.width) / width);
  const lines = inside(y0, y1, mask.height, content.y / height, (content.y + content.height) / height);
  if (columns.count === mask.width && lines.count === mask.height) return mask;
  const cells = cellsOf(mask);
  const counts: number[] = [];
  let run = 0;
  let within = 0;
  for (let y = lines.first; y < lines.first + lines.count; y += 1) {
    for (let x = columns.first; x < columns.first + columns.count; x += 1) {
      const cell = cells[y * mask.width + x] ?? 0;
      if (cell !== within) {
        counts.push(run);
        run = 0;
        within = cell;
      }
      run += 1;
    }
  }
  counts.push(run);
  return { width: columns.count, height: lines.count, counts };
}

/** Which of `count` cells between `from` and `to` have their middle between `low` and `high`; at least one. */
function inside(
  from: number,
  to: number,
  count: number,
  low: number,
  high: number,
): { readonly first: number; readonly count: number } {
  const size = (to - from) / count || 1;
  const first = Math.min(count - 1, Math.max(0, Math.ceil((low - from) / size - 0.5)));
  const last = Math.max(first, Math.min(count - 1, Math.floor((high - from) / size - 0.5)));
  return { first, count: last - first + 1 };
}

function cellsOf({ counts, width, height }: Mask): Uint8Array {
  const cells = new Uint8Array(width * height);
  let at = 0;
  counts.forEach((count, i) => {
    cells.fill(i % 2, at, at + count);
    at += count;
  });
  return cells;
}
