/** Most samples per axis that one pixel is the average of: beyond it, a reduction leaves samples out. */
const MAX_TAPS = 4;

/** Which source samples make each target sample along one axis, and how much of each. `count` entries per target sample. */
export interface Taps {
  readonly count: number;
  readonly index: Int32Array;
  readonly weight: Float32Array;
}

/**
 * The taps that bring `sourceLength` samples from `start` on to `targetLength`.
 *
 * Enlarging, and reducing to more than half: linear between the two neighbours, with centres of pixels as points (pixel i
 * is at i + 0.5). Reducing further: the plain average of up to {@link MAX_TAPS} samples spread evenly over what a target
 * pixel covers. The same size: the sample itself. Beyond the edge of the picture is its edge.
 *
 * @param start May be fractional and outside of the picture; so may the end.
 * @param limit How many samples the picture has along this axis, at least 1.
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
