import { convertGraphModel } from '../../src/conversion/convert.ts';
import { GraphWriter, withOpenBatch } from './tiny-model.ts';

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

/** The same with an open batch in what it says of itself, and a reshape to one picture: it cannot take two. */
export function tinyPoseThatLies(): Uint8Array {
  return withOpenBatch(Buffer.from(tinyPose()), POSE_SIZE.height);
}

/** The beginning of both networks below: `scaled` are all pictures, `last` is the last of them. */
function lastOfAll(): GraphWriter {
  const { width, height } = POSE_SIZE;
  return new GraphWriter()
    .node('Placeholder', 'input')
    .constant('scale', [], [1 / 255])
    .node('Mul', 'scaled', ['input', 'scale'])
    .constant('begin', [4], [-1, 0, 0, 0], 'int32')
    .constant('size', [4], [-1, height, width, 3], 'int32')
    .node('Slice', 'last', ['scaled', 'begin', 'size']);
}

/**
 * A network that takes any number of pictures and looks at the last one only. How many results it gives does not follow from
 * its form: the runtime believes what it says of itself.
 *
 * @param openOutput Whether it claims to give a result for each.
 */
export function tinyPoseOfTheLast(openOutput: boolean): Uint8Array {
  const graph = lastOfAll()
    .constant('shape', [4], [-1, 1, 17, 3], 'int32')
    .node('Reshape', 'points', ['last', 'shape']);
  const cut = {
    input: { node: 'input', ...POSE_SIZE },
    outputs: [{ node: 'points', as: 'points', dims: [1, 1, 17, 3] }],
  };
  const open = withOpenBatch(Buffer.from(convertGraphModel(graph.model, cut, () => graph.weights)), POSE_SIZE.height);
  return openOutput ? withOpenBatch(open, 1) : open;
}

/** A network that gives each picture of a run a result of its own, in form: all of them are that of the last one. */
export function tinyPoseThatMixesUp(): Uint8Array {
  const graph = lastOfAll()
    .constant('zero', [], [0])
    .node('Mul', 'nothing', ['scaled', 'zero'])
    .node('AddV2', 'each', ['nothing', 'last'])
    .constant('shape', [4], [-1, 1, 17, 3], 'int32')
    .node('Reshape', 'points', ['each', 'shape']);
  const cut = {
    input: { node: 'input', ...POSE_SIZE },
    outputs: [{ node: 'points', as: 'points', dims: [1, 1, 17, 3] }],
  };
  const onnx = Buffer.from(convertGraphModel(graph.model, cut, () => graph.weights));
  return withOpenBatch(withOpenBatch(onnx, POSE_SIZE.height), 1);
}

/** Packed RGB of a picture whose points stand one below the other, all sure. */
export function posePixels(): Buffer {
  return Buffer.from(Array.from({ length: 17 }, (_, i) => [40 + 10 * i, 60 + 5 * i, 230]).flat());
}
