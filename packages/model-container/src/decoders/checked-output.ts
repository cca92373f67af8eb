import { VigiaError } from '@vigia/base';
import type { OutputTensor } from '#network';

/**
 * The numbers of an output, of which there must be exactly so many: a short or empty one would be read as a picture in
 * which nothing is to be seen.
 *
 * @param meant What the number of them comes from, for people: `1917 boxes × 90 classes`.
 * @throws VigiaError `inference_failed` naming the output, what was found and what is expected.
 */
export function floatsOf(tensor: OutputTensor | undefined, name: string, count: number, meant: string): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) {
    throw new VigiaError('inference_failed', `output '${name}' does not consist of 32-bit floats`);
  }
  const { data, dims } = tensor;
  if (data.length === count) return data;
  const text = `output '${name}' has ${data.length} numbers [${dims.join(',')}], ${count} are expected (${meant})`;
  throw new VigiaError('inference_failed', text);
}

/** What a decoder throws that meets a score that is NaN: the network failed, which is not the same as seeing nothing. */
export function scoreIsNoNumber(): VigiaError {
  return new VigiaError('inference_failed', 'the network gave numbers that are no numbers, where scores are expected');
}
