import protobuf from 'protobufjs/light.js';

// Field numbers of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

type Field = readonly [number: number, value: string | number | Uint8Array];
const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;
const GRAPH = 5;
const IMAGE = [1, 3, 8, 8] as const;

function message(...fields: readonly Field[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [number, content] of fields) {
    if (typeof content === 'number') writer.uint32(number << 3).int64(content);
    else if (typeof content === 'string') writer.uint32((number << 3) | 2).string(content);
    else writer.uint32((number << 3) | 2).bytes(content);
  }
  return writer.finish();
}

function value(name: string, type: number, dims: readonly number[]): Uint8Array {
  const shape = message(...dims.map((size): Field => [1, message([1, size])]));
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}

function node(type: string, inputs: readonly string[], outputs: readonly string[], body?: Uint8Array): Uint8Array {
  const attribute = body && message([1, 'body'], [6, body], [20, GRAPH]);
  return message(
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, type],
    ...(attribute ? [[5, attribute] as const] : []),
  );
}

/** A network that can be loaded and looks like any other; a run of it never ends: a `Loop` whose condition stays true. */
export function endlessOnnx(): Uint8Array {
  const body = message(
    [1, node('Identity', ['on'], ['still'])],
    [1, node('Add', ['before', 'before'], ['after'])],
    [2, 'body'],
    [11, value('turn', INT64, [])],
    [11, value('on', BOOL, [])],
    [11, value('before', FLOAT, IMAGE)],
    [12, value('still', BOOL, [])],
    [12, value('after', FLOAT, IMAGE)],
  );
  const graph = message(
    [1, node('Loop', ['', 'always', 'image'], ['out'], body)],
    [2, 'endless'],
    [5, message([2, BOOL], [8, 'always'], [9, Uint8Array.of(1)])],
    [11, value('image', FLOAT, IMAGE)],
    [12, value('out', FLOAT, IMAGE)],
  );
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 17])]);
}
