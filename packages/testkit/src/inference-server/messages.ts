import { bytesOf, numbersOf, type ServedTensor } from './tensors.ts';

/** A parsed inference request. */
export interface InferMessage {
  /** Its JSON part, verbatim. */
  readonly json: unknown;
  readonly inputs: readonly ServedTensor[];
  /** Requested outputs, and whether as bytes. Empty: all. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[];
  /** For outputs that are not requested by name. */
  readonly binaryByDefault: boolean;
}

interface Parameters {
  readonly binary_data_size?: number;
  readonly binary_data?: boolean;
  readonly binary_data_output?: boolean;
}

interface InferRequest {
  readonly parameters?: Parameters;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly parameters?: Parameters;
    readonly data?: readonly unknown[];
  }[];
  readonly outputs?: readonly { readonly name: string; readonly parameters?: Parameters }[];
}

/**
 * Parses a request: JSON, followed by the bytes of the binary tensor extension.
 *
 * @param jsonBytes Length of the JSON part; undefined: all of it.
 * @throws TypeError or SyntaxError for a violation of the protocol.
 */
export function readRequest(body: Buffer, jsonBytes: number | undefined): InferMessage {
  const length = jsonBytes ?? body.byteLength;
  const json = JSON.parse(body.subarray(0, length).toString('utf8')) as InferRequest;
  let at = length;
  const inputs = json.inputs.map(({ name, datatype, shape, parameters, data }): ServedTensor => {
    const size = parameters?.binary_data_size;
    if (size === undefined) return { name, datatype, shape, data: bytesOf(datatype, data ?? []) };
    at += size;
    return { name, datatype, shape, data: body.subarray(at - size, at) };
  });
  if (at !== body.byteLength) throw new TypeError(`${at} bytes are announced, ${body.byteLength} came`);
  const binaryByDefault = json.parameters?.binary_data_output ?? false;
  const outputs = (json.outputs ?? []).map(({ name, parameters }) => ({
    name,
    binary: parameters?.binary_data ?? binaryByDefault,
  }));
  return { json, inputs, outputs, binaryByDefault };
}

/** An answer: its JSON part, and the bytes after it. */
export interface InferAnswer {
  readonly json: {
    readonly model_name: string;
    readonly model_version?: string;
    readonly outputs: {
      name: string;
      datatype: string;
      shape: number[];
      parameters?: { binary_data_size: number };
      data?: number[];
    }[];
  };
  readonly binary: readonly Uint8Array[];
}

/** Formats an answer, each output in the requested form. */
export function writeAnswer(model: string, tensors: readonly ServedTensor[], request: InferMessage): InferAnswer {
  const binary: Uint8Array[] = [];
  const outputs = tensors.map((tensor) => {
    const asked = request.outputs.find((output) => output.name === tensor.name);
    const { name, datatype, shape, data } = tensor;
    const head = { name, datatype, shape: [...shape] };
    if (!(asked?.binary ?? request.binaryByDefault)) return { ...head, data: numbersOf(tensor) };
    binary.push(data);
    return { ...head, parameters: { binary_data_size: data.byteLength } };
  });
  return { json: { model_name: model, outputs }, binary };
}
