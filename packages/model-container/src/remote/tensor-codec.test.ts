import { VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { type BinaryMessage, decodeAnswer, encodeRequest, type WantedOutput } from './tensor-codec.ts';

const SCORES: WantedOutput = { name: 'scores', datatype: 'FP32', shape: [-1, 3] };

function message(json: unknown, ...pieces: Uint8Array[]): BinaryMessage {
  const head = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  return { body: Buffer.concat([head, ...pieces]), jsonBytes: head.byteLength };
}
const binary = (name: string, datatype: string, shape: number[], size: number): object => ({
  name,
  datatype,
  shape,
  parameters: { binary_data_size: size },
});
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

test('a request names its bytes and wants bytes back', () => {
  const data = floats(1, 2, 3);
  const { json } = encodeRequest({ name: 'x', datatype: 'FP32', shape: [1, 3], data }, [SCORES]);
  expect(JSON.parse(json.toString())).toEqual({
    inputs: [binary('x', 'FP32', [1, 3], 12)],
    outputs: [{ name: 'scores', parameters: { binary_data: true } }],
  });
});

test('values are read at any offset, in the requested order, and unrequested ones are skipped', () => {
  const outputs = [
    binary('other', 'BYTES', [1], 3),
    binary('ids', 'INT64', [1, 1], 8),
    binary('scores', 'FP32', [2, 3], 24),
  ];
  const pieces = [Buffer.from('abc'), new Uint8Array(BigInt64Array.of(-5n).buffer), floats(1, 2, 3, 4, 5, 6)];
  const ids: WantedOutput = { name: 'ids', datatype: 'INT64', shape: [-1, 1] };
  expect(decodeAnswer(message({ outputs }, ...pieces), [SCORES, ids])).toEqual([
    { name: 'scores', dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'ids', dims: [1, 1], data: BigInt64Array.of(-5n) },
  ]);
});

test.each([[[1, 2, 3]], [[[1, 2, 3]]]])(
  'a server without the extension answers in JSON, flat or nested: %j',
  (data) => {
    const json = Buffer.from(JSON.stringify({ outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 3], data }] }));
    expect(decodeAnswer({ body: json, jsonBytes: undefined }, [SCORES])[0]?.data).toEqual(Float32Array.of(1, 2, 3));
  },
);

const json = (data: unknown[]): BinaryMessage => ({
  body: Buffer.from(JSON.stringify({ outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 3], data }] })),
  jsonBytes: undefined,
});

test.each<[message: BinaryMessage, text: RegExp]>([
  [{ body: Buffer.from('{}'), jsonBytes: 9 }, /announces 9 bytes of JSON and has 2/],
  [message('no'), /is no JSON/],
  [message({ outputs: 1 }), /is not of the protocol: outputs/],
  [message({ outputs: [] }), /has no output 'scores'/],
  [message({ outputs: [binary('scores', 'FP32', [1, 3], 12)] }, floats(1, 2)), /announces 12 bytes .* has 8/],
  [message({ outputs: [binary('scores', 'FP32', [1, 3], 12)] }, floats(1, 2, 3, 4)), /announces 12 bytes .* has 16/],
  [message({ outputs: [binary('scores', 'FP32', [1, 3], 8)] }, floats(1, 2)), /has 2 numbers .* 3 are expected/],
  [message({ outputs: [binary('scores', 'FP32', [1, 3], 13)] }, Buffer.alloc(13)), /13 bytes of FP32/],
  [
    message({ outputs: [binary('scores', 'FP32', [1, 4], 16)] }, floats(1, 2, 3, 4)),
    /as \[1,4\], \[\?,3\] is expected/,
  ],
  [message({ outputs: [binary('scores', 'FP64', [1, 3], 24)] }, Buffer.alloc(24)), /as FP64, FP32 is expected/],
  [json([1, 2, 'x']), /has "x" among its numbers/],
  [json([1, 2]), /has 2 numbers/],
])('what is not as it must be is named: %#', (answer, text) => {
  expect(() => decodeAnswer(answer, [SCORES])).toThrow(text);
  expect(() => decodeAnswer(answer, [SCORES])).toThrow(VigiaError);
});
