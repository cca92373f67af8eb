/** Most samples per axis that are averaged into one pixel: larger reductions skip samples. */
const MAX_TAPS = 4;

/** The source samples of each target sample along one axis, and their weights. `count` entries per target sample. */
export interface Taps {
  readonly count: number;
  readonly index: Int32Array;
  readonly weight: Float32Array;
}

/**
 * The taps that scale `sourceLength` samples from `start` to `targetLength`.
 *
 * Enlarging, and reducing to more than half: linear between the two neighbours, with pixel centres as sample points
 * (pixel i is at i + 0.5). Reducing further: the plain average of up to {@link MAX_TAPS} samples spread evenly over the
 * area of a target pixel. The same size: the sample itself. Beyond the picture, its edge is repeated.
 *
 * @param start May be fractional and outside the picture; so may the end.
 * @param limit Number of samples along this axis, at least 1.
 */
export function tapsOf(start: number, sourceLength: number, targetLength: number, limit: number): Taps {
  const scale = sourceLength / targetLength;
  if (scale === 1 && Number.isInteger(start) && start >= 0 && start + sourceLength <= limit) {
    return {
      count: 1,
      index: Int32Array.from({ length: targetLength }, (_, i) => start + i),
      weight: new Float32Array(targetLength).fill(1),
    };
  }
  const clamp = (at: number): number => Math.min(limit - 1, Math.max(0, at));
  if (scale < 2) {
    const index = new Int32Array(2 * targetLength);
    const weight = new Float32Array(2 * targetLength);
    for (let i = 0; i < targetLength; i += 1) {
      const centre = start + (i + 0.5) * scale - 0.5;
      const low = Math.floor(centre);
      index[2 * i] = clamp(low);
      index[2 * i + 1] = clamp(low + 1);
      weight[2 * i] = 1 - (centre - low);
      weight[2 * i + 1] = centre - low;
    }
    return { count: 2, index, weight };
  }
  const count = Math.min(MAX_TAPS, Math.round(scale));
  const index = new Int32Array(count * targetLength);
  for (let i = 0; i < targetLength; i += 1) {
    for (let k = 0; k < count; k += 1)
      index[count * i + k] = clamp(Math.floor(start + (i + (k + 0.5) / count) * scale));
  }
  return { count, index, weight: new Float32Array(count * targetLength).fill(1 / count) };
}
