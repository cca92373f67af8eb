import { VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';

/**
 * What a run saw in one of its pictures.
 *
 * @throws VigiaError `inference_failed` when there is no result: that is not the same as nothing to be seen.
 */
export function resultOf(seen: readonly Detection[][], row: number): Detection[] {
  const detections = seen[row];
  if (detections) return detections;
  throw new VigiaError('inference_failed', `the model gave no result for picture ${row + 1}`);
}
