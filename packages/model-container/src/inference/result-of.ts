import { VigiaError } from '@vigia/base';
import type { Seen } from '#model';

/**
 * The result of one frame in a run.
 *
 * @throws VigiaError `inference_failed` when there is none, which is different from an empty result.
 */
export function resultOf(seen: readonly Seen[], row: number): Seen {
  const result = seen[row];
  if (result) return result;
  throw new VigiaError('inference_failed', `the model gave no result for picture ${row + 1}`);
}
