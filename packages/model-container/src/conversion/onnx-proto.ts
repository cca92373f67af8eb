import protobuf from 'protobufjs/light.js';
import { VigiaError } from '@vigia/base';

/**
 * Element types of an ONNX tensor (`TensorProto.DataType` of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3)
 * that this encoder writes.
 */
export const ONNX_TYPE = { float32: 1, uint8: 2, int64: 7 } as const;
/** See {@link ONNX_TYPE}. */
export type OnnxElementType = keyof typeof ONNX_TYPE;

/** A constant of the graph. `data` is little-endian and row-major, `dims` in elements; `[]` is a scalar. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** The value of a node's attribute: one integer, or a list of them. Floats and strings are tagged. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number } | { readonly string: string };

/** One operation. Inputs and outputs are names of tensors. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A graph input or output with its static shape. */
export interface OnnxPort {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly number[];
}

/** The content of a model file. Nodes are in topological order. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/** The operator set that {@link encodeModel} declares. */
export const ONNX_OPSET = 13;
/** The file format version that {@link encodeModel} declares: that of ONNX 1.10, which every current runtime reads. */
export const ONNX_IR_VERSION = 8;

const field = (type: string, id: number, rule?: 'repeated'): protobuf.IField => ({
  type,
  id,
  ...(rule ? { rule } : {}),
});

// The subset of onnx.proto3 that this encoder writes, with the format's field numbers.
const SCHEMA: protobuf.INamespace = {
  nested: {
    OperatorSetIdProto: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    TensorProto: {
      fields: {
        dims: field('int64', 1, 'repeated'),
        data_type: field('int32', 2),
        name: field('string', 8),
        raw_data: field('bytes', 9),
      },
    },
    AttributeProto: {
      fields: {
        name: field('string', 1),
        f: field('float', 2),
        i: field('int64', 3),
        s: field('bytes', 4),
        ints: field('int64', 8, 'repeated'),
        type: field('int32', 20),
      },
    },
    NodeProto: {
      fields: {
        input: field('string', 1, 'repeated'),
        output: field('string', 2, 'repeated'),
        name: field('string', 3),
        op_type: field('string', 4),
        attribute: field('AttributeProto', 5, 'repeated'),
      },
    },
    Dimension: { fields: { dim_value: field('int64', 1) } },
    TensorShapeProto: { fields: { dim: field('Dimension', 1, 'repeated') } },
    TensorTypeProto: { fields: { elem_type: field('int32', 1), shape: field('TensorShapeProto', 2) } },
    TypeProto: { fields: { tensor_type: field('TensorTypeProto', 1) } },
    ValueInfoProto: { fields: { name: field('string', 1), type: field('TypeProto', 2) } },
    GraphProto: {
      fields: {
        node: field('NodeProto', 1, 'repeated'),
        name: field('string', 2),
        initializer: field('TensorProto', 5, 'repeated'),
        input: field('ValueInfoProto', 11, 'repeated'),
        output: field('ValueInfoProto', 12, 'repeated'),
      },
    },
    ModelProto: {
      fields: {
        ir_version: field('int64', 1),
        producer_name: field('string', 2),
        graph: field('GraphProto', 7),
        opset_import: field('OperatorSetIdProto', 8, 'repeated'),
      },
    },
  },
};

/**
 * Serialises a graph as an ONNX model file. The same graph gives the same bytes, so that a catalogue can pin their hash.
 *
 * @throws VigiaError `conversion` when the graph does not fit the schema.
 */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const type = protobuf.Root.fromJSON(SCHEMA, new protobuf.Root({ keepCase: true })).lookupType('ModelProto');
  const model = {
    ir_version: ONNX_IR_VERSION,
    producer_name: 'vigia',
    opset_import: [{ domain: '', version: ONNX_OPSET }],
    graph: {
      name: graph.name,
      node: graph.nodes.map(nodeProto),
      initializer: graph.initializers.map((t) => ({
        name: t.name,
        data_type: ONNX_TYPE[t.type],
        dims: [...t.dims],
        raw_data: t.data,
      })),
      input: graph.inputs.map(portProto),
      output: graph.outputs.map(portProto),
    },
  };
  const problem = type.verify(model);
  if (problem) throw new VigiaError('conversion', `the ONNX graph '${graph.name}' cannot be written: ${problem}`);
  return type.encode(model).finish();
}

function nodeProto(node: OnnxNode): object {
  return {
    op_type: node.op,
    name: node.outputs[0],
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

// `type` is AttributeProto.AttributeType: FLOAT 1, INT 2, STRING 3, INTS 7.
function attributeProto(name: string, value: OnnxAttribute): object {
  if (typeof value === 'number') return { name, i: value, type: 2 };
  if ('float' in value) return { name, f: value.float, type: 1 };
  if ('string' in value) return { name, s: Buffer.from(value.string), type: 3 };
  return { name, ints: [...value], type: 7 };
}

function portProto(port: OnnxPort): object {
  const dim = port.dims.map((size) => ({ dim_value: size }));
  return { name: port.name, type: { tensor_type: { elem_type: ONNX_TYPE[port.type], shape: { dim } } } };
}
