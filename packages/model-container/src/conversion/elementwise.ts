import type { GraphBuilder, Value } from './graph.ts';
import { type TfNode, typeAttribute, unsupported } from './tf-node.ts';
import { source } from './values.ts';
import { sizeOf } from './weights.ts';

/** An element-wise operation: independent of the layout. */
export function unary(op: string, node: TfNode, graph: GraphBuilder, attributes: { to?: number } = {}): Value[] {
  const input = graph.input(node, 0);
  const name = input.weight ? graph.inSource(input) : input.name;
  return [{ name: graph.emit(op, node.name, [name], attributes), layout: input.layout }];
}

/** An operation on pairs of elements, with broadcasting: the same in both formats. */
export function elementwise(op: string, node: TfNode, graph: GraphBuilder): Value[] {
  return binary(op, node.name, graph.inputs(node), graph);
}

/** The sum of two inputs or more. */
export function sum(node: TfNode, graph: GraphBuilder): Value[] {
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

/** (a − b)². */
export function squaredDifference(node: TfNode, graph: GraphBuilder): Value[] {
  const [difference] = binary('Sub', `${node.name}/difference`, graph.inputs(node), graph);
  if (!difference) throw unsupported(node, 'input 0 is missing');
  return [{ ...difference, name: graph.emit('Mul', node.name, [difference.name, difference.name]) }];
}

/** ⌊a / b⌋. Integers: (a − a mod b) / b, because ONNX divides towards zero, while its `Mod` has the sign of b. */
export function floorDivision(node: TfNode, graph: GraphBuilder): Value[] {
  const [a, b] = [graph.inSource(graph.input(node, 0)), graph.inSource(graph.input(node, 1))];
  const part = (name: string): string => `${node.name}/${name}`;
  if (typeAttribute(node, 'T') === 'DT_FLOAT') {
    return source(graph.emit('Floor', node.name, [graph.emit('Div', part('quotient'), [a, b])]));
  }
  const rest = graph.emit('Mod', part('rest'), [a, b]);
  return source(graph.emit('Div', node.name, [graph.emit('Sub', part('multiple'), [a, rest]), b]));
}

/** `TensorProto.DataType` by target type of a cast. Integers are int64 throughout: see `GraphBuilder.initializer`. */
const CAST_TO: Readonly<Record<string, number>> = { DT_FLOAT: 1, DT_INT32: 7, DT_INT64: 7, DT_BOOL: 9 };

/** A change of element type. */
export function cast(node: TfNode, graph: GraphBuilder): Value[] {
  const type = typeAttribute(node, 'DstT');
  const to = CAST_TO[type];
  if (to === undefined) throw unsupported(node, `the type '${type}' is not known`);
  return unary('Cast', node, graph, { to });
}

/** The activation of a convolution (or `Relu6` and `Relu` themselves), as a node named `name`. */
export function activation(kind: 'Relu' | 'Relu6', name: string, input: Value, graph: GraphBuilder): Value[] {
  const bounds = kind === 'Relu6' ? [graph.float('relu6/min', 0), graph.float('relu6/max', 6)] : [];
  return [
    { name: graph.emit(kind === 'Relu6' ? 'Clip' : 'Relu', name, [input.name, ...bounds]), layout: input.layout },
  ];
}

/** `condition ? a : b`, element by element; all three have the same shape. */
export function select(node: TfNode, graph: GraphBuilder): Value[] {
  return binary('Where', node.name, graph.inputs(node), graph);
}

// Channels first when every computed side already is and the constants can follow at no cost. Otherwise unchanged: a
// side of lower rank, which broadcasting allows, has no channels to move.
function binary(op: string, name: string, sides: readonly Value[], graph: GraphBuilder): Value[] {
  const nchw =
    sides.some((side) => side.layout === 'nchw') &&
    sides.every((side) => (side.weight ? perChannel(side) : side.layout === 'nchw'));
  if (!nchw)
    return source(
      graph.emit(
        op,
        name,
        sides.map((side) => graph.inSource(side)),
      ),
    );
  const inputs = sides.map((side) => (side.weight ? channelsFirst(side, graph) : side.name));
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
