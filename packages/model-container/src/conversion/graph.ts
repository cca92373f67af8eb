import { VigiaError } from '@vigia/base';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxPort, OnnxTensor } from './onnx-proto.ts';
import { dataInputs, parseReference, type TfNode, type TfReference, unsupported } from './tf-node.ts';
import type { Weight } from './weights.ts';

/** Order of the axes in memory: as in the source graph, or channels first where the source has channels last. */
export type Layout = 'source' | 'nchw';

/** A tensor of the graph being built. Only rank 4 tensors are ever `nchw`. */
export interface Value {
  readonly name: string;
  readonly layout: Layout;
  /** Set for constants. */
  readonly weight?: Weight;
}

/** Converts one node by emitting ONNX nodes, and returns its outputs. */
export type OpConverter = (node: TfNode, graph: GraphBuilder) => Value[];

const TO_NCHW = [0, 3, 1, 2];
const TO_SOURCE = [0, 2, 3, 1];

/**
 * An ONNX graph under construction. Tracks the layout of each tensor: convolutions and the operations between them stay
 * channels-first, and a transpose is emitted only where a tensor is first needed in the other layout.
 */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #values = new Map<string, Value[]>();
  readonly #otherLayout = new Map<string, Value>();

  /** Registers the outputs of a source node under its name. */
  define(node: string, outputs: Value[]): void {
    this.#values.set(node, outputs);
  }

  /** The value of input `index`. @throws VigiaError `conversion` when it does not exist. */
  input(node: TfNode, index: number): Value {
    const reference = dataInputs(node)[index];
    if (!reference) throw unsupported(node, `input ${index} is missing`);
    return this.value(reference);
  }

  /** All data inputs. */
  inputs(node: TfNode): Value[] {
    return dataInputs(node).map((reference) => this.value(reference));
  }

  /** An output of a converted node. @throws VigiaError `conversion` when it does not exist. */
  value(reference: TfReference): Value {
    const value = this.#values.get(reference.node)?.[reference.output];
    if (!value) throw new VigiaError('conversion', `'${reference.node}:${reference.output}' is used but not defined`);
    return value;
  }

  /** Input `index`, which must be a constant. */
  constant(node: TfNode, index: number): Weight {
    const { weight } = this.input(node, index);
    if (!weight) throw unsupported(node, `input ${index} must be a constant`);
    return weight;
  }

  /** The integers of input `index`, which must be a constant. */
  integers(node: TfNode, index: number): number[] {
    return Array.from(this.constant(node, index).values);
  }

  /** Emits a node with one output named `name`, and returns it. An empty input name means omitted. */
  emit(op: string, name: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    this.emitAll(op, [name], inputs, attributes);
    return name;
  }

  /** Emits a node with several outputs. */
  emitAll(
    op: string,
    outputs: readonly string[],
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
  ): void {
    this.#nodes.push({ op, inputs, outputs, attributes });
  }

  /**
   * A constant of the result, emitted once per name. Integers become int64, as ONNX requires for shapes and indices.
   */
  initializer(name: string, weight: Weight, dims: readonly number[] = weight.shape): string {
    if (!this.#initializers.has(name)) this.#initializers.set(name, tensorOf(name, weight, dims));
    return name;
  }

  /** A vector (or, with `[]` for `dims`, a scalar) of int64. */
  int64(name: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.initializer(name, { shape: dims, type: 'int32', values: Int32Array.from(values) });
  }

  /** A float scalar. */
  float(name: string, value: number): string {
    return this.initializer(name, { shape: [], type: 'float32', values: Float32Array.of(value) });
  }

  /** The name of the value in the source's layout. */
  inSource(value: Value): string {
    if (value.weight) return this.initializer(value.name, value.weight);
    return this.#inLayout(value, 'source');
  }

  /** The name of a value that is not constant, channels first. */
  inNchw(value: Value): string {
    return this.#inLayout(value, 'nchw');
  }

  /** The finished graph. */
  build(name: string, inputs: readonly OnnxPort[], outputs: readonly OnnxPort[]): OnnxGraph {
    return { name, nodes: this.#nodes, initializers: [...this.#initializers.values()], inputs, outputs };
  }

  #inLayout(value: Value, layout: Layout): string {
    if (value.layout === layout) return value.name;
    let other = this.#otherLayout.get(value.name);
    if (!other) {
      const perm = layout === 'nchw' ? TO_NCHW : TO_SOURCE;
      other = { name: this.emit('Transpose', `${value.name}/${layout}`, [value.name], { perm }), layout };
      this.#otherLayout.set(value.name, other);
    }
    return other.name;
  }
}

function tensorOf(name: string, weight: Weight, dims: readonly number[]): OnnxTensor {
  if (weight.type === 'int32') {
    const wide = BigInt64Array.from(weight.values, (v) => BigInt(v));
    return { name, type: 'int64', dims, data: new Uint8Array(wide.buffer) };
  }
  const { buffer, byteOffset, byteLength } = weight.values;
  return { name, type: 'float32', dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/**
 * The nodes that `outputs` need, in topological order, stopping at `cut`.
 *
 * @throws VigiaError `conversion` for an unknown node or a cycle.
 */
export function neededNodes(nodes: readonly TfNode[], cut: string, outputs: readonly string[]): TfNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const state = new Map<string, 'open' | 'done'>([[cut, 'done']]);
  const order: TfNode[] = [];
  const visit = (name: string): void => {
    if (state.get(name) === 'done') return;
    const node = byName.get(name);
    if (!node) throw new VigiaError('conversion', `the graph has no node '${name}'`);
    if (state.get(name) === 'open') throw new VigiaError('conversion', `the graph has a cycle at node '${name}'`);
    state.set(name, 'open');
    for (const input of dataInputs(node)) visit(input.node);
    state.set(name, 'done');
    order.push(node);
  };
  for (const output of outputs) visit(parseReference(output).node);
  return order;
}
