import { VigiaError } from '@vigia/base';
import type { Detection } from '@vigia/contracts';

/**
 * The result of one frame in a run.
 *
 * @throws VigiaError `inference_failed` when there is none, which is different from an empty result.
 */
export function resultOf(seen: readonly Detection[][], row: number): Detection[] {
  const detections = seen[row];
  if (detections) return detections;
  throw new VigiaError('inference_failed', `the model gave no result for picture ${row + 1}`);
}
