import { messageOf, VigiaError } from '@vigia/base';
import type { OutputTensor } from '#network';
import { z } from 'zod';

/**
 * Messages of the Open Inference Protocol (KServe v2) over HTTP with its binary tensor extension: a JSON object, then
 * the bytes of the tensors that it announces, little-endian and row-major, one after another. Knows no socket.
 */

/** Supported element types. The protocol has more. */
export const DATATYPES = ['UINT8', 'BOOL', 'INT32', 'INT64', 'FP32'] as const;
/** See {@link DATATYPES}. */
export type Datatype = (typeof DATATYPES)[number];

const ELEMENT_BYTES: Readonly<Record<Datatype, number>> = { UINT8: 1, BOOL: 1, INT32: 4, INT64: 8, FP32: 4 };

/** An input or output as the server describes it. −1 is an open size. */
export interface PortDescription {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** A requested output of a supported type. */
export type WantedOutput = PortDescription & { readonly datatype: Datatype };

/** The input tensor. */
export interface InputTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Borrowed until the request has ended. */
  readonly data: Uint8Array;
}

/** An inference request: its JSON part, and the bytes after it. */
export function encodeRequest(
  input: InputTensor,
  outputs: readonly WantedOutput[],
): { json: Buffer; data: Uint8Array } {
  const { name, datatype, shape, data } = input;
  const message = {
    inputs: [{ name, shape, datatype, parameters: { binary_data_size: data.byteLength } }],
    outputs: outputs.map((output) => ({ name: output.name, parameters: { binary_data: true } })),
  };
  return { json: Buffer.from(JSON.stringify(message)), data };
}

const answerSchema = z.object({
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.int().min(0)),
      parameters: z.looseObject({ binary_data_size: z.int().min(0).optional() }).optional(),
      // A server without the extension answers like this.
      data: z.array(z.unknown()).optional(),
    }),
  ),
});
type AnswerOutput = z.infer<typeof answerSchema>['outputs'][number];

/** A body, and the length of its JSON part; undefined: all of it. */
export interface BinaryMessage {
  readonly body: Buffer;
  readonly jsonBytes: number | undefined;
}

/**
 * The outputs of an answer, in the requested order, with the batch as their first size.
 *
 * @throws VigiaError `inference_failed` naming the first problem.
 */
export function decodeAnswer(message: BinaryMessage, wanted: readonly WantedOutput[]): OutputTensor[] {
  const { body } = message;
  const jsonBytes = message.jsonBytes ?? body.byteLength;
  if (jsonBytes > body.byteLength)
    throw wrong(`announces ${jsonBytes} bytes of JSON and has ${body.byteLength} bytes in all`);
  const parsed = answerSchema.safeParse(jsonOf(body.subarray(0, jsonBytes)));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw wrong(`is not of the protocol: ${issue?.path.join('.') || 'document'}: ${issue?.message}`);
  }
  const pieces = piecesOf(parsed.data.outputs, body.subarray(jsonBytes));
  return wanted.map((output) => {
    const found = parsed.data.outputs.find(({ name }) => name === output.name);
    if (!found) throw wrong(`has no output '${output.name}'`);
    checkOutput(found, output);
    const piece = pieces.get(found);
    const data = piece ? fromBytes(piece, output.datatype) : fromJson(found.data ?? [], output.datatype);
    const count = found.shape.reduce((a, b) => a * b, 1);
    if (data.length === count) return { name: output.name, dims: found.shape, data };
    throw wrong(
      `has ${data.length} numbers for output '${output.name}' [${found.shape.join(',')}], ${count} are expected`,
    );
  });
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new VigiaError('inference_failed', `the answer of the server is no JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Assigns the bytes to the outputs. Every byte must be used. */
function piecesOf(outputs: readonly AnswerOutput[], binary: Buffer): Map<AnswerOutput, Buffer> {
  const pieces = new Map<AnswerOutput, Buffer>();
  let at = 0;
  for (const output of outputs) {
    const size = output.parameters?.binary_data_size;
    if (size === undefined) continue;
    pieces.set(output, binary.subarray(at, at + size));
    at += size;
  }
  if (at !== binary.byteLength)
    throw wrong(`announces ${at} bytes of tensors and has ${binary.byteLength} bytes behind its JSON`);
  return pieces;
}

function checkOutput({ datatype, shape }: AnswerOutput, wanted: WantedOutput): void {
  if (datatype !== wanted.datatype)
    throw wrong(`has output '${wanted.name}' as ${datatype}, ${wanted.datatype} is expected`);
  const fits =
    shape.length === wanted.shape.length && wanted.shape.every((size, i) => size < 0 || i === 0 || size === shape[i]);
  if (!fits)
    throw wrong(
      `has output '${wanted.name}' as [${shape.join(',')}], [${wanted.shape.map((size) => (size < 0 ? '?' : size)).join(',')}] is expected`,
    );
}

function fromBytes(piece: Buffer, datatype: Datatype): OutputTensor['data'] {
  const size = ELEMENT_BYTES[datatype];
  if (piece.byteLength % size !== 0)
    throw wrong(`has ${piece.byteLength} bytes of ${datatype}, which is no whole number`);
  // A copy: a part of a body may start at any byte, typed arrays may not.
  const { buffer } = Uint8Array.from(piece);
  if (datatype === 'FP32') return new Float32Array(buffer);
  if (datatype === 'INT64') return new BigInt64Array(buffer);
  return datatype === 'INT32' ? new Int32Array(buffer) : new Uint8Array(buffer);
}

function fromJson(data: readonly unknown[], datatype: Datatype): OutputTensor['data'] {
  const numbers = numbersIn(data);
  if (datatype === 'INT64') return BigInt64Array.from(numbers, (value) => BigInt(Math.trunc(value)));
  if (datatype === 'FP32') return Float32Array.from(numbers);
  return datatype === 'INT32' ? Int32Array.from(numbers) : Uint8Array.from(numbers);
}

/** Nested lists, or a flat one: the protocol allows both. */
function numbersIn(data: readonly unknown[]): number[] {
  return data.flatMap((item) => {
    if (Array.isArray(item)) return numbersIn(item);
    if (typeof item === 'boolean') return Number(item);
    if (typeof item === 'number' && Number.isFinite(item)) return item;
    throw wrong(`has ${JSON.stringify(item)?.slice(0, 40)} among its numbers`);
  });
}

function wrong(what: string): VigiaError<'inference_failed'> {
  return new VigiaError('inference_failed', `the answer of the server ${what}`);
}
