import { convertGraphModel } from '../../src/conversion/convert.ts';
import { GraphWriter } from './tiny-model.ts';

/** Of the picture that it takes, pixels: one per point. */
export const POSE_SIZE = { width: 1, height: 17 } as const;

/** What a network gives: points of a body, or the same in a shape that no decoder here is for. */
export type PoseShape = readonly [1, 1, 17, 3] | readonly [1, 51];

/** A network of MoveNet's form, without weights: red, green and blue of 17 pixels are y, x and confidence of 17 points. */
export function tinyPose(shape: PoseShape = [1, 1, 17, 3]): Uint8Array {
  const graph = new GraphWriter()
    .node('Placeholder', 'input')
    .constant('scale', [], [1 / 255])
    .node('Mul', 'scaled', ['input', 'scale'])
    .constant('shape', [shape.length], [...shape], 'int32')
    .node('Reshape', 'points', ['scaled', 'shape']);
  const cut = {
    input: { node: 'input', ...POSE_SIZE },
    outputs: [{ node: 'points', as: 'points', dims: [...shape] }],
  };
  return convertGraphModel(graph.model, cut, () => graph.weights);
}

/**
 * The same with an open batch in what it says of itself, and a reshape to one picture: it cannot take two. In the file, the
 * first size of the input is a dimension without a value: of the same length, so that no length around it changes.
 */
export function tinyPoseThatLies(): Uint8Array {
  const onnx = Buffer.from(tinyPose());
  const at = onnx.indexOf(Buffer.from([0x0a, 0x02, 0x08, 0x01, 0x0a, 0x02, 0x08, POSE_SIZE.height]));
  if (at < 0) throw new Error('the input has no fixed batch');
  onnx.set([0x1a, 0x00], at + 2);
  return onnx;
}

/** Packed RGB of a picture whose points stand one below the other, all sure. */
export function posePixels(): Buffer {
  return Buffer.from(Array.from({ length: 17 }, (_, i) => [40 + 10 * i, 60 + 5 * i, 230]).flat());
}
