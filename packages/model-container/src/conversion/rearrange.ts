import type { GraphBuilder, Value } from './graph.ts';
import { TO_THE_END } from './strided-slice.ts';
import { intAttribute, intsAttribute, type TfNode } from './tf-node.ts';
import { source } from './values.ts';

/** Concatenates tensors along an axis. */
export function concat(node: TfNode, graph: GraphBuilder): Value[] {
  const values = graph.inputs(node);
  const axis = graph.integers(node, values.length - 1)[0] ?? 0;
  const parts = values.slice(0, -1).map((value) => graph.inSource(value));
  return source(graph.emit('Concat', node.name, parts, { axis }));
}

/** Stacks tensors along a new axis. */
export function pack(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = intAttribute(node, 'axis', 0);
  const axes = graph.int64(`axes/${axis}`, [axis]);
  const parts = graph
    .inputs(node)
    .map((value, i) => graph.emit('Unsqueeze', `${node.name}/part${i}`, [graph.inSource(value), axes]));
  return source(graph.emit('Concat', node.name, parts, { axis }));
}

/** Splits a tensor into its slices along an axis, which is removed. */
export function unpack(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = intAttribute(node, 'axis', 0);
  const input = graph.inSource(graph.input(node, 0));
  return Array.from({ length: intAttribute(node, 'num', 0) }, (_, i) => {
    const index = graph.int64(`index/${i}`, [i], []);
    return { name: graph.emit('Gather', `${node.name}:${i}`, [input, index], { axis }), layout: 'source' as const };
  });
}

/** Adds an axis of length 1. */
export function expandDims(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = graph.integers(node, 1)[0] ?? 0;
  const axes = graph.int64(`axes/${axis}`, [axis]);
  return source(graph.emit('Unsqueeze', node.name, [graph.inSource(graph.input(node, 0)), axes]));
}

/** Removes axes of length 1. */
export function squeeze(node: TfNode, graph: GraphBuilder): Value[] {
  const dims = intsAttribute(node, 'squeeze_dims');
  const input = graph.inSource(graph.input(node, 0));
  const axes = dims.length > 0 ? [graph.int64(`${node.name}/axes`, dims)] : [];
  return source(graph.emit('Squeeze', node.name, [input, ...axes]));
}

/** Permutes axes. */
export function transpose(node: TfNode, graph: GraphBuilder): Value[] {
  const perm = graph.integers(node, 1);
  return source(graph.emit('Transpose', node.name, [graph.inSource(graph.input(node, 0))], { perm }));
}

/** A part of a tensor, by begin and size. */
export function slice(node: TfNode, graph: GraphBuilder): Value[] {
  const starts = graph.integers(node, 1);
  const ends = graph.integers(node, 2).map((size, i) => (size < 0 ? TO_THE_END : (starts[i] ?? 0) + size));
  const bounds = [graph.int64(`${node.name}/starts`, starts), graph.int64(`${node.name}/ends`, ends)];
  return source(graph.emit('Slice', node.name, [graph.inSource(graph.input(node, 0)), ...bounds]));
}

/** Parts of equal size along an axis. */
export function split(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = graph.integers(node, 0)[0] ?? 0;
  const count = intAttribute(node, 'num_split', 0);
  const outputs = Array.from({ length: count }, (_, i) => (i === 0 ? node.name : `${node.name}:${i}`));
  graph.emitAll('Split', outputs, [graph.inSource(graph.input(node, 1))], { axis });
  return outputs.flatMap(source);
}
