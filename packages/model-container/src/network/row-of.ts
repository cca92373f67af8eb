import { VigiaError } from '@vigia/base';
import type { OutputTensor } from './network.ts';

/**
 * The part of an output that belongs to one frame of a run.
 *
 * @param tensor With the batch as its first size. After a run of one frame it may lack it: it is that frame's output
 *   then.
 * @param whose The source, for the message.
 * @throws VigiaError `inference_failed` when a run of several frames returned another batch size: the rows could not be
 *   attributed, and one camera's result must never be given to another.
 */
export function rowOf({ name, dims, data }: OutputTensor, count: number, row: number, whose: string): OutputTensor {
  if (dims[0] === count && dims.length > 1) {
    const size = data.length / count;
    return { name, dims: dims.slice(1), data: data.subarray(row * size, (row + 1) * size) };
  }
  if (count === 1) return { name, dims, data };
  const text = `${whose} has output '${name}' as [${dims.join(',')}], which are not ${count} pictures`;
  throw new VigiaError('inference_failed', text);
}
