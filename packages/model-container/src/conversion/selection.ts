import type { GraphBuilder, Value } from './graph.ts';
import { boolAttribute, type TfNode } from './tf-node.ts';
import { source } from './values.ts';

/** Index of the largest value along an axis; the first of equal ones. */
export function argMax(node: TfNode, graph: GraphBuilder): Value[] {
  const axis = graph.integers(node, 1)[0] ?? 0;
  return source(graph.emit('ArgMax', node.name, [graph.inSource(graph.input(node, 0))], { axis, keepdims: 0 }));
}

/** The k largest values of the last axis, largest first, and their indices. */
export function topK(node: TfNode, graph: GraphBuilder): Value[] {
  const count = graph.int64(`${node.name}/k`, graph.integers(node, 1));
  const outputs = [node.name, `${node.name}:1`];
  graph.emitAll('TopK', outputs, [graph.inSource(graph.input(node, 0)), count], { axis: -1 });
  return outputs.flatMap(source);
}

/** The sum along axes. */
export function reduceSum(node: TfNode, graph: GraphBuilder): Value[] {
  const axes = graph.int64(`${node.name}/axes`, graph.integers(node, 1));
  const inputs = [graph.inSource(graph.input(node, 0)), axes];
  return source(graph.emit('ReduceSum', node.name, inputs, { keepdims: boolAttribute(node, 'keep_dims') ? 1 : 0 }));
}

/** The largest value along axes. In opset 13, axes are an attribute here and an input of a sum. */
export function reduceMax(node: TfNode, graph: GraphBuilder): Value[] {
  const attributes = { axes: graph.integers(node, 1), keepdims: boolAttribute(node, 'keep_dims') ? 1 : 0 };
  return source(graph.emit('ReduceMax', node.name, [graph.inSource(graph.input(node, 0))], attributes));
}

/** A tensor filled with one value, of the shape in input 0. */
export function fill(node: TfNode, graph: GraphBuilder): Value[] {
  const [shape, value] = [graph.inSource(graph.input(node, 0)), graph.inSource(graph.input(node, 1))];
  return source(graph.emit('Expand', node.name, [value, shape]));
}
