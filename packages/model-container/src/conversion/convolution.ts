import { activation } from './elementwise.ts';
import type { GraphBuilder, Value } from './graph.ts';
import type { OnnxAttribute } from './onnx-proto.ts';
import {
  boolAttribute,
  intsAttribute,
  stringAttribute,
  stringsAttribute,
  type TfNode,
  unsupported,
} from './tf-node.ts';
import { transposeWeight } from './weights.ts';

/** Conv2D, or DepthwiseConv2dNative. */
export function convolution(node: TfNode, graph: GraphBuilder, depthwise: boolean): Value[] {
  return [{ name: convolve(node, node.name, graph, depthwise, []), layout: 'nchw' }];
}

/** A convolution with what TensorFlow's optimiser fused into it: a bias, then an activation. */
export function fusedConvolution(node: TfNode, graph: GraphBuilder, depthwise: boolean): Value[] {
  const [bias, kind, ...others] = stringsAttribute(node, 'fused_ops');
  if (bias !== 'BiasAdd' || others.length > 0) throw unsupported(node, 'only a bias and an activation are known');
  const name = kind === undefined ? node.name : `${node.name}/convolution`;
  const biases = graph.initializer(`${node.name}/bias`, graph.constant(node, 2));
  const value: Value = { name: convolve(node, name, graph, depthwise, [biases]), layout: 'nchw' };
  if (kind === undefined) return [value];
  if (kind !== 'Relu' && kind !== 'Relu6') throw unsupported(node, `the activation '${kind}' is not known`);
  return activation(kind, node.name, value, graph);
}

function convolve(node: TfNode, name: string, graph: GraphBuilder, depthwise: boolean, biases: string[]): string {
  const weight = graph.constant(node, 1);
  const [height = 1, width = 1, channels = 1, multiplier = 1] = weight.shape;
  // HWIO → OIHW. Depthwise: [H, W, C, M] → [C, M, H, W] = [C·M, 1, H, W], one group per input channel.
  const kernel = transposeWeight(weight, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
  const dims = depthwise ? [channels * multiplier, 1, height, width] : kernel.shape;
  const inputs = [graph.inNchw(graph.input(node, 0)), graph.initializer(`${node.name}/kernel`, kernel, dims)];
  const dilations = intsAttribute(node, 'dilations').slice(1, 3);
  return graph.emit('Conv', name, [...inputs, ...biases], {
    kernel_shape: [height, width],
    strides: intsAttribute(node, 'strides').slice(1, 3),
    dilations: dilations.length > 0 ? dilations : [1, 1],
    group: depthwise ? channels : 1,
    auto_pad: padding(node),
  });
}

// TensorFlow's SAME puts the odd pixel at the end, which is ONNX's SAME_UPPER.
function padding(node: TfNode): OnnxAttribute {
  if (stringAttribute(node, 'data_format', 'NHWC') !== 'NHWC') throw unsupported(node, 'only NHWC is known');
  const kind = stringAttribute(node, 'padding', '');
  if (kind !== 'SAME' && kind !== 'VALID') throw unsupported(node, `padding '${kind}' is not known`);
  return { string: kind === 'SAME' ? 'SAME_UPPER' : 'VALID' };
}

/** The largest value of each window. */
export function maxPool(node: TfNode, graph: GraphBuilder): Value[] {
  const name = graph.emit('MaxPool', node.name, [graph.inNchw(graph.input(node, 0))], {
    kernel_shape: intsAttribute(node, 'ksize').slice(1, 3),
    strides: intsAttribute(node, 'strides').slice(1, 3),
    auto_pad: padding(node),
  });
  return [{ name, layout: 'nchw' }];
}

/** Batch normalisation with learned statistics. */
export function batchNormalization(node: TfNode, graph: GraphBuilder): Value[] {
  if (boolAttribute(node, 'is_training')) throw unsupported(node, 'it is in training mode');
  const [input, ...parameters] = graph.inputs(node);
  if (!input) throw unsupported(node, 'input 0 is missing');
  const inputs = [graph.inNchw(input), ...parameters.map((value) => graph.inSource(value))];
  const epsilon = { float: node.attr?.['epsilon']?.f ?? 1e-4 };
  return [{ name: graph.emit('BatchNormalization', node.name, inputs, { epsilon }), layout: 'nchw' }];
}

/** Bilinear scaling to the height and width of input 1. */
export function resizeBilinear(node: TfNode, graph: GraphBuilder): Value[] {
  const input = graph.inNchw(graph.input(node, 0));
  const prefix = `${node.name}/resize`;
  // ONNX requires all four sizes: batch and channels are those of the input.
  const all = graph.emit('Shape', `${prefix}/shape`, [input]);
  const kept = graph.emit('Slice', `${prefix}/kept`, [
    all,
    graph.int64('resize/from', [0]),
    graph.int64('resize/to', [2]),
  ]);
  const sizes = graph.emit('Concat', `${prefix}/sizes`, [kept, graph.inSource(graph.input(node, 1))], { axis: 0 });
  const name = graph.emit('Resize', node.name, [input, '', '', sizes], {
    mode: { string: 'linear' },
    coordinate_transformation_mode: { string: pixelCentres(node) },
  });
  return [{ name, layout: 'nchw' }];
}

function pixelCentres(node: TfNode): string {
  if (boolAttribute(node, 'align_corners')) return 'align_corners';
  return boolAttribute(node, 'half_pixel_centers') ? 'half_pixel' : 'asymmetric';
}
