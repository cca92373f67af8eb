/**
 * Run lengths of cells, outside and inside in turn, beginning with outside: the form of a mask in a detection.
 *
 * @param cells Line by line; 0 is outside, anything else inside.
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
 * The cells that run lengths stand for: 1 inside, 0 outside.
 *
 * @param length Cells that there are: `width * height` of the mask.
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
