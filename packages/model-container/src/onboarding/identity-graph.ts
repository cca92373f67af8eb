const VARINT = 0;
const BYTES = 2;
const FLOAT = 1;

/** An ONNX model of one operation: `y` is `x`, one number. The fields are those of onnx.proto (github.com/onnx/onnx). */
export function identityGraph(): Uint8Array {
  const node = [bytes(1, text('x')), bytes(2, text('y')), bytes(4, text('Identity'))];
  const graph = [bytes(1, node), bytes(2, text('identity')), bytes(11, oneNumber('x')), bytes(12, oneNumber('y'))];
  const [irVersion, opset] = [8, 13];
  return Buffer.concat([varint(1, irVersion), bytes(7, graph), bytes(8, [varint(2, opset)])]);
}

/** ValueInfoProto of a tensor of one float. */
function oneNumber(name: string): Buffer[] {
  const shape = [bytes(1, [varint(1, 1)])];
  return [bytes(1, text(name)), bytes(2, [bytes(1, [varint(1, FLOAT), bytes(2, shape)])])];
}

function text(value: string): Buffer[] {
  return [Buffer.from(value)];
}

function varint(field: number, value: number): Buffer {
  return Buffer.from([(field << 3) | VARINT, value]);
}

/** Everything here is shorter than 128 bytes: the length is one byte. */
function bytes(field: number, parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([(field << 3) | BYTES, content.length]), content]);
}
