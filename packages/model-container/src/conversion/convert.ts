import { GraphBuilder, neededNodes } from './graph.ts';
import { encodeModel, type OnnxPort } from './onnx-proto.ts';
import { OP_CONVERTERS } from './ops.ts';
import { parseReference, type TfNode, unsupported } from './tf-node.ts';
import { readWeights, type WeightGroup } from './weights.ts';

/** A TensorFlow.js graph model: the parsed `model.json`. */
export interface GraphModel {
  readonly modelTopology: { readonly node: readonly TfNode[] };
  readonly weightsManifest: readonly WeightGroup[];
}

/** The part of the source graph that becomes the model. */
export interface GraphCut {
  /** The node whose output is the input: f32 [1, height, width, 3] in the source; everything before it is dropped. */
  readonly input: { readonly node: string; readonly height: number; readonly width: number };
  /** The tensors to compute, their new names and shapes. All are f32. */
  readonly outputs: readonly { readonly node: string; readonly as: string; readonly dims: readonly number[] }[];
}

/** Name of a converted model's input. */
const INPUT_NAME = 'image';

/**
 * Converts a TensorFlow.js graph model to an ONNX model (opset 13) with the input `image`, **uint8** [1, height, width,
 * 3]. The cast to float is part of the graph, so that callers only copy bytes. The same input gives the same bytes.
 *
 * @param read Returns the bytes of one weight shard, by its path in the manifest.
 * @throws VigiaError `conversion` naming an unsupported operation, element type or structure.
 */
export function convertGraphModel(model: GraphModel, cut: GraphCut, read: (path: string) => Uint8Array): Uint8Array {
  const graph = new GraphBuilder();
  const weights = readWeights(model.weightsManifest, read);
  defineInput(graph, cut);
  const outputs = cut.outputs.map((output) => output.node);
  for (const node of neededNodes(model.modelTopology.node, cut.input.node, outputs)) {
    const weight = weights.get(node.name);
    if (weight) {
      graph.define(node.name, [{ name: node.name, layout: 'source', weight }]);
      continue;
    }
    const convert = OP_CONVERTERS[node.op];
    if (!convert) throw unsupported(node, 'this operation is not known');
    graph.define(node.name, convert(node, graph));
  }
  const ports = cut.outputs.map(({ node, as, dims }): OnnxPort => {
    const name = graph.inSource(graph.value(parseReference(node)));
    if (name !== as) graph.emit('Identity', as, [name]);
    return { name: as, type: 'float32', dims };
  });
  const input: OnnxPort = { name: INPUT_NAME, type: 'uint8', dims: [1, cut.input.height, cut.input.width, 3] };
  return encodeModel(graph.build('converted', [input], ports));
}

// Transposed as bytes (a quarter of the memory traffic), then cast: `to` 1 is float32.
function defineInput(graph: GraphBuilder, cut: GraphCut): void {
  const planar = graph.emit('Transpose', 'image/nchw', [INPUT_NAME], { perm: [0, 3, 1, 2] });
  graph.define(cut.input.node, [{ name: graph.emit('Cast', 'image/float', [planar], { to: 1 }), layout: 'nchw' }]);
}
