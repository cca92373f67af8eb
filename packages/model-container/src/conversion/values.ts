import type { GraphBuilder, Value } from './graph.ts';
import type { TfNode } from './tf-node.ts';

/** The one output of a node, in the layout of the source. */
export function source(name: string): Value[] {
  return [{ name, layout: 'source' }];
}

/** Names of all inputs, in the layout of the source. */
export function sourceInputs(node: TfNode, graph: GraphBuilder): string[] {
  return graph.inputs(node).map((value) => graph.inSource(value));
}

/** Emits a node with one output whose inputs are the source's, in the source's layout. */
export function direct(op: string, node: TfNode, graph: GraphBuilder): Value[] {
  return source(graph.emit(op, node.name, sourceInputs(node, graph)));
}
