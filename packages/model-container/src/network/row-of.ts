import { VigiaError } from '@vigia/base';
import type { OutputTensor } from './network.ts';

/**
 * The part of an output that belongs to one picture of a run.
 *
 * @param tensor With the batch as its first size. Of a run of one picture it may lack it: then it is that picture's whole.
 * @param whose For people: who gave it.
 * @throws VigiaError `inference_failed` when a run of several pictures gave something else: whose it is nobody can tell,
 *   and another camera's result must not pass for this one's.
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
