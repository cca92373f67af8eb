import type { GraphBuilder, OpConverter, Value } from './graph.ts';
import { intAttribute, intsAttribute, stringAttribute, type TfNode, unsupported } from './tf-node.ts';
import { sizeOf, transposeWeight } from './weights.ts';

/** Past the end of any axis: what a slice to the end says in ONNX. Fits an int32. */
const TO_THE_END = 0x7fff_ffff;

/** How each TensorFlow operation is written in ONNX (opset 13). The layout rules are those of {@link GraphBuilder}. */
export const OP_CONVERTERS: Readonly<Record<string, OpConverter>> = {
  Add: (node, graph) => elementwise('Add', node, graph),
  AddV2: (node, graph) => elementwise('Add', node, graph),
  AddN: sum,
  BiasAdd: (node, graph) => elementwise('Add', node, graph),
  ConcatV2: concat,
  Conv2D: (node, graph) => convolution(node, graph, false),
  DepthwiseConv2dNative: (node, graph) => convolution(node, graph, true),
  Exp: (node, graph) => unary('Exp', node, graph),
  ExpandDims: expandDims,
  FusedBatchNorm: batchNormalization,
  FusedBatchNormV3: batchNormalization,
  Identity: (node, graph) => [graph.input(node, 0)],
  Mul: (node, graph) => elementwise('Mul', node, graph),
  Pack: pack,
  Relu6: relu6,
  Reshape: (node, graph) => source(graph.emit('Reshape', node.name, sourceInputs(node, graph))),
  Shape: (node, graph) => source(graph.emit('Shape', node.name, [graph.inSource(graph.input(node, 0))])),
  Sigmoid: (node, graph) => unary('Sigmoid', node, graph),
  Slice: slice,
  Squeeze: squeeze,
  StridedSlice: stridedSlice,
  Sub: (node, graph) => elementwise('Sub', node, graph),
  Tile: (node, graph) => source(graph.emit('Tile', node.name, sourceInputs(node, graph))),
  Transpose: transpose,
  Unpack: unpack,
};

function source(name: string): Value[] {
  return [{ name, layout: 'source' }];
}

function sourceInputs(node: TfNode, graph: GraphBuilder): string[] {
  return graph.inputs(node).map((value) => graph.inSource(value));
}

function unary(op: string, node: TfNode, graph: GraphBuilder): Value[] {
  const input = graph.input(node, 0);
  return [
    { name: graph.emit(op, node.name, [input.weight ? graph.inSource(input) : input.name]), layout: input.layout },
  ];
}

function relu6(node: TfNode, graph: GraphBuilder): Value[] {
  const input = graph.input(node, 0);
  const bounds = [graph.float('relu6/min', 0), graph.float('relu6/max', 6)];
  return [{ name: graph.emit('Clip', node.name, [input.name, ...bounds]), layout: input.layout }];
}

function elementwise(op: string, node: TfNode, graph: GraphBuilder): Value[] {
  return binary(op, node.name, graph.inputs(node), graph);
}

// Channels first when one side is so already and the other can follow at no cost.
function binary(op: string, name: string, sides: readonly Value[], graph: GraphBuilder): Value[] {
  const nchw = sides.some((side) => side.layout === 'nchw') && sides.every((side) => !side.weight || perChannel(side));
  if (!nchw)
    return source(
      graph.emit(
        op,
        name,
        sides.map((side) => graph.inSource(side)),
      ),
    );
  const inputs = sides.map((side) => (side.weight ? channelsFirst(side, graph) : graph.inNchw(side)));
  return [{ name: graph.emit(op, name, inputs), layout: 'nchw' }];
}

function perChannel({ weight }: Value): boolean {
  return weight !== undefined && (weight.shape.at(-1) ?? 1) === sizeOf(weight.shape);
}

// A constant [C] or [1,1,1,C] that is broadcast over channels-last becomes [C,1,1].
function channelsFirst(value: Value, graph: GraphBuilder): string {
  const weight = value.weight;
  if (!weight || weight.shape.length === 0) return graph.inSource(value);
  return graph.initializer(`${value.name}/nchw`, weight, [weight.values.length, 1, 1]);
}

function sum(node: TfNode, graph: GraphBuilder): Value[] {
  const [first, ...others] = graph.inputs(node);
  if (!first || others.length === 0) throw unsupported(node, 'it needs two inputs or more');
  return others.reduce<Value[]>(
    (left, right, i) => {
      const name = i === others.length - 1 ? node.name : `${node.name}/${i}`;
      return binary('Add', name, [left[0] ?? first, right], graph);
    },
    [first],
  );
}

function convolution(node: TfNode, graph: GraphBuilder, depthwise: boolean): Value[] {
  if (stringAttribute(node, 'data_format', 'NHWC') !== 'NHWC') throw unsupported(node, 'only NHWC is known');
  const padding = stringAttribute(node, 'padding', '');
  if (padding !== 'SAME' && padding !== 'VALID') throw unsupported(node, `padding '${padding}' is not known`);
  const weight = graph.constant(node, 1);
  const [height = 1, width = 1, channels = 1, multiplier = 1] = weight.shape;
  // HWIO → OIHW. Depthwise: [H, W, C, M] → [C, M, H, W] = [C·M, 1, H, W], one group per input channel.
  const kernel = transposeWeight(weight, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
  const dims = depthwise ? [channels * multiplier, 1, height, width] : kernel.shape;
  const inputs = [graph.inNchw(graph.input(node, 0)), graph.initializer(`${node.name}/kernel`, kernel, dims)];
  const attributes = {
    kernel_shape: [height, width],
    strides: intsAttribute(node, 'strides').slice(1, 3),
    dilations: intsAttribute(node, 'dilations').slice(1, 3),
    group: depthwise ? channels : 1,
    // TensorFlow's SAME puts the odd pixel at the end, which is ONNX's SAME_UPPER.
    auto_pad: { string: padding === 'SAME' ? 'SAME_UPPER' : 'VALID' },
  };
  if (attributes.dilations.length === 0) attributes.dilations = [1, 1];
  return [{ name: graph.emit('Conv', node.name, inputs, attributes), layout: 'nchw' }];
}

function batchNormalization(node: TfNode, graph: GraphBuilder): Value[] {
  if (node.attr?.['is_training']?.b) throw unsupported(node, 'it is in training mode');
  const [input, ...parameters] = graph.inputs(node);
  if (!input) throw unsupported(node, 'input 0 is missing');
  const inputs = [graph.inNchw(input), ...parameters.map((value) => graph.inSource(value))];
  const epsilon = { float: node.attr?.['epsilon']?.f ?? 1e-4 };
  return [{ name: graph.emit('BatchNormalization', node.name, inputs, { epsilon }), layout: 'nchw' }];
}

function concat(node: TfNode, graph: GraphBuilder): Value[] {
  const values = graph.inputs(node);
  const axis = graph.integers(node, values.length - 1)[0] ?? 0;
  const parts = values.slice(0, -1).map((value) => graph.inSource(value));
  return source(graph.emit('Concat', node.name, parts, { axis }));
}

function pack(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = intAttribute(node, 'axis', 0);
  const axes = graph.int64(`axes/${axis}`, [axis]);
  const parts = graph
    .inputs(node)
    .map((value, i) => graph.emit('Unsqueeze', `${node.name}/part${i}`, [graph.inSource(value), axes]));
  return source(graph.emit('Concat', node.name, parts, { axis }));
}

function unpack(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = intAttribute(node, 'axis', 0);
  const input = graph.inSource(graph.input(node, 0));
  return Array.from({ length: intAttribute(node, 'num', 0) }, (_, i) => {
    const index = graph.int64(`index/${i}`, [i], []);
    return { name: graph.emit('Gather', `${node.name}:${i}`, [input, index], { axis }), layout: 'source' as const };
  });
}

function expandDims(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = graph.integers(node, 1)[0] ?? 0;
  const axes = graph.int64(`axes/${axis}`, [axis]);
  return source(graph.emit('Unsqueeze', node.name, [graph.inSource(graph.input(node, 0)), axes]));
}

function squeeze(node: TfNode, graph: GraphBuilder): Value[] {
  const dims = intsAttribute(node, 'squeeze_dims');
  const input = graph.inSource(graph.input(node, 0));
  const axes = dims.length > 0 ? [graph.int64(`${node.name}/axes`, dims)] : [];
  return source(graph.emit('Squeeze', node.name, [input, ...axes]));
}

function transpose(node: TfNode, graph: GraphBuilder): Value[] {
  const perm = graph.integers(node, 1);
  return source(graph.emit('Transpose', node.name, [graph.inSource(graph.input(node, 0))], { perm }));
}

function slice(node: TfNode, graph: GraphBuilder): Value[] {
  const starts = graph.integers(node, 1);
  const ends = graph.integers(node, 2).map((size, i) => (size < 0 ? TO_THE_END : (starts[i] ?? 0) + size));
  const bounds = [graph.int64(`${node.name}/starts`, starts), graph.int64(`${node.name}/ends`, ends)];
  return source(graph.emit('Slice', node.name, [graph.inSource(graph.input(node, 0)), ...bounds]));
}

function stridedSlice(node: TfNode, graph: GraphBuilder): Value[] {
  if (intAttribute(node, 'ellipsis_mask', 0) !== 0 || intAttribute(node, 'new_axis_mask', 0) !== 0) {
    throw unsupported(node, 'ellipsis and new axes are not known');
  }
  const masked = (name: string, axis: number): boolean => ((intAttribute(node, name, 0) >> axis) & 1) === 1;
  const [begin, end, steps] = [graph.integers(node, 1), graph.integers(node, 2), graph.integers(node, 3)];
  if (steps.some((step) => step <= 0)) throw unsupported(node, 'steps must be positive');
  const starts = begin.map((value, axis) => (masked('begin_mask', axis) ? 0 : value));
  const shrunk = begin.map((_, axis) => axis).filter((axis) => masked('shrink_axis_mask', axis));
  const ends = end.map((value, axis) => {
    // A shrunk axis takes the one element at `begin`, whatever `end` says; after −1 comes the end of the axis.
    if (shrunk.includes(axis)) return starts[axis] === -1 ? TO_THE_END : (starts[axis] ?? 0) + 1;
    return masked('end_mask', axis) ? TO_THE_END : value;
  });
  const prefix = `${node.name}/slice`;
  const sliced = graph.emit('Slice', shrunk.length > 0 ? prefix : node.name, [
    graph.inSource(graph.input(node, 0)),
    graph.int64(`${prefix}/starts`, starts),
    graph.int64(`${prefix}/ends`, ends),
    graph.int64(
      `${prefix}/axes`,
      begin.map((_, axis) => axis),
    ),
    graph.int64(`${prefix}/steps`, steps),
  ]);
  if (shrunk.length === 0) return source(sliced);
  return source(graph.emit('Squeeze', node.name, [sliced, graph.int64(`${prefix}/shrunk`, shrunk)]));
}
