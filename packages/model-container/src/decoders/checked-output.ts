import { VigiaError } from '@vigia/base';
import type { OutputTensor } from '#network';

/**
 * The values of an output, after checking their number: a short or empty output would look like a frame without
 * objects.
 *
 * @param meant Explains the expected number: `1917 boxes × 90 classes`.
 * @throws VigiaError `inference_failed` naming the output, the number found and the number expected.
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

/** The error for a score that is NaN: the network failed, which is different from an empty result. */
export function scoreIsNoNumber(): VigiaError {
  return new VigiaError('inference_failed', 'the network gave numbers that are no numbers, where scores are expected');
}
