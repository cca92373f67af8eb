/**
 * Intersection over union of two boxes of `boxes`, given by index.
 *
 * @param boxes Four values per box, `[y1, x1, y2, x2]` with `y1 <= y2` and `x1 <= x2`, any unit.
 * @returns 0 (disjoint, or both empty) .. 1 (identical).
 */
export function intersectionOverUnion(boxes: Float32Array, a: number, b: number): number {
  const [ay1, ax1, ay2, ax2] = [at(boxes, a, 0), at(boxes, a, 1), at(boxes, a, 2), at(boxes, a, 3)];
  const [by1, bx1, by2, bx2] = [at(boxes, b, 0), at(boxes, b, 1), at(boxes, b, 2), at(boxes, b, 3)];
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  if (height <= 0 || width <= 0) return 0;
  const intersection = height * width;
  const union = (ay2 - ay1) * (ax2 - ax1) + (by2 - by1) * (bx2 - bx1) - intersection;
  return union > 0 ? intersection / union : 0;
}

function at(boxes: Float32Array, box: number, edge: number): number {
  return boxes[box * 4 + edge] ?? 0;
}

/** Input of {@link suppress}: candidate `c` is class `c % classes` in box `floor(c / classes)`. */
export interface Candidates {
  /** Candidates, best first. */
  readonly order: Int32Array;
  /** Four values per box, `[y1, x1, y2, x2]`. */
  readonly boxes: Float32Array;
  readonly classes: number;
}

/**
 * Greedy non-maximum suppression per class: walks the candidates from the best down and keeps each one that overlaps no
 * kept candidate of its class by more than `maxIou`. Classes do not suppress each other.
 *
 * @param maxIou 0..1. At 1 nothing is suppressed.
 * @param kept Receives the kept candidates, best first; its length is the limit. Owned by the caller.
 * @param before How many better candidates `kept` begins with: they suppress too. Default 0.
 * @returns Number of kept candidates, with those before.
 */
export function suppress(candidates: Candidates, maxIou: number, kept: Int32Array, before = 0): number {
  const { order, boxes, classes } = candidates;
  let count = before;
  for (let i = 0; i < order.length && count < kept.length; i++) {
    const candidate = order[i] ?? 0;
    if (overlapsKept(candidate, boxes, classes, maxIou, kept, count)) continue;
    kept[count++] = candidate;
  }
  return count;
}

function overlapsKept(
  candidate: number,
  boxes: Float32Array,
  classes: number,
  maxIou: number,
  kept: Int32Array,
  count: number,
): boolean {
  const box = Math.floor(candidate / classes);
  for (let k = 0; k < count; k++) {
    const other = kept[k] ?? 0;
    if (other % classes !== candidate % classes) continue;
    if (intersectionOverUnion(boxes, box, Math.floor(other / classes)) > maxIou) return true;
  }
  return false;
}
