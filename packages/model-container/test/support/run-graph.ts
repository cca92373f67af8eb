import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { convertGraphModel, type GraphCut } from '../../src/conversion/convert.ts';
import { GraphWriter } from './tiny-model.ts';

/** Height and width of the pictures of test graphs. */
export const SIDE = 5;

/** A picture of {@link SIDE} without symmetry. */
export const RAMP: Uint8Array = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37) % 256);

/** A graph with the input `input`: f32 [1, 5, 5, 3]. */
export function input(): GraphWriter {
  return new GraphWriter().node('Placeholder', 'input');
}

/** From `input` to one output, `out`. */
export function cutAt(output: string, dims: number[]): GraphCut {
  return { input: { node: 'input', height: SIDE, width: SIDE }, outputs: [{ node: output, as: 'out', dims }] };
}

/** Converts a graph of `input`. */
export function convert(graph: GraphWriter, output: string, dims: number[]): Uint8Array {
  return convertGraphModel(graph.model, cutAt(output, dims), () => graph.weights);
}

/** Converts, runs on `pixels` ([1, 5, 5, 3]) and returns the output, f32 of the shape `dims`. */
export async function run(
  graph: GraphWriter,
  output: string,
  dims: number[],
  pixels: Uint8Array = RAMP,
): Promise<number[]> {
  const session = await InferenceSession.create(convert(graph, output, dims), { intraOpNumThreads: 1 });
  try {
    const result = await session.run({ image: new Tensor('uint8', pixels, [1, SIDE, SIDE, 3]) });
    expect(result['out']?.dims).toEqual(dims);
    return Array.from(result['out']?.data as Float32Array);
  } finally {
    await session.release();
  }
}

/** The largest difference, relative to the expected value; NaN when the lengths differ. */
export function deviation(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Number.NaN;
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value) / (1 + Math.abs(value))));
}

/** Attributes of a convolution of 3x3. */
export function convolutionAttributes(padding: string, stride: number): Parameters<GraphWriter['node']>[3] {
  return {
    padding: { s: [...Buffer.from(padding)] },
    data_format: { s: Buffer.from('NHWC').toString('base64') },
    strides: { list: { i: ['1', `${stride}`, `${stride}`, '1'] } },
    dilations: { list: { i: ['1', '1', '1', '1'] } },
  };
}
