import { type Clock, systemClock, VigiaError } from '@vigia/base';
import type { ModelInput, RemoteSettings } from '#manifest';
import { type Network, type NetworkPort, type OutputTensor, rowOf } from '#network';
import { type InputArray, inputArray } from '#preprocess';
import { KserveClient } from './kserve-client.ts';
import { describeRemote, portOf } from './kserve-metadata.ts';
import {
  DATATYPES,
  type Datatype,
  decodeAnswer,
  encodeRequest,
  type PortDescription,
  type WantedOutput,
} from './tensor-codec.ts';

/** Options of {@link KserveNetwork.open}. */
export interface KserveNetworkOptions {
  readonly remote: RemoteSettings;
  readonly input: ModelInput;
  /** Outputs for the decoder, in its order. Default: all. */
  readonly outputs?: readonly string[] | undefined;
  readonly maxBatch: number;
  /** Time limit of one exchange with the server. */
  readonly timeoutMs: number;
  readonly clock?: Clock;
  /** See `KserveClientOptions`. */
  readonly token?: string | undefined;
}

const INPUT_TYPES = { uint8: 'UINT8', int32: 'INT32', float32: 'FP32' } as const;

/**
 * A network on a server that speaks the Open Inference Protocol (KServe v2) over HTTP with binary tensors. Its
 * container uses it like a local one; its errors are those of `KserveClient`. The opener owns it and calls `close`.
 */
export class KserveNetwork implements Network {
  readonly input: InputArray;
  readonly maxBatch: number;
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  readonly provider = 'remote';
  readonly #client: KserveClient;
  readonly #input: ModelInput;
  readonly #wanted: readonly WantedOutput[];

  private constructor(
    client: KserveClient,
    options: KserveNetworkOptions,
    inputs: readonly PortDescription[],
    wanted: readonly WantedOutput[],
  ) {
    this.#client = client;
    this.#input = options.input;
    this.#wanted = wanted;
    this.maxBatch = options.maxBatch;
    this.inputs = inputs.map(portOf);
    this.outputs = wanted.map(portOf);
    this.input = inputArray(options.input, options.maxBatch);
  }

  /**
   * Checks that the server is ready and has the model with these ports.
   *
   * @throws VigiaError `overloaded`, `deadline_exceeded` or `inference_failed` like any exchange; `model_load` when the
   *   model is missing or has changed since it was added.
   */
  static async open(options: KserveNetworkOptions): Promise<KserveNetwork> {
    const { remote, clock = systemClock, timeoutMs, token } = options;
    const client = new KserveClient({ remote, clock, timeoutMs, token });
    try {
      const { inputs, outputs } = await describeRemote(client, remote);
      checkInput(inputs, options);
      const names = options.outputs ?? outputs.map((output) => output.name);
      return new KserveNetwork(
        client,
        options,
        inputs,
        names.map((name) => wantedOutput(name, outputs, remote)),
      );
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async run(count: number): Promise<readonly (readonly OutputTensor[])[]> {
    const { name, width, height, layout, type = 'uint8' } = this.#input;
    const values = this.input.subarray(0, count * width * height * 3);
    const shape = layout === 'NCHW' ? [count, 3, height, width] : [count, height, width, 3];
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const request = encodeRequest({ name, datatype: INPUT_TYPES[type], shape, data }, this.#wanted);
    const tensors = decodeAnswer(await this.#client.infer(request.json, request.data), this.#wanted);
    return Array.from({ length: count }, (_, row) =>
      tensors.map((tensor) => rowOf(tensor, count, row, 'the answer of the server')),
    );
  }

  close(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }
}

function checkInput(
  inputs: readonly PortDescription[],
  { remote, input: { name, type = 'uint8', width, height, layout } }: KserveNetworkOptions,
): void {
  const [found] = inputs;
  const shape = layout === 'NCHW' ? [3, height, width] : [height, width, 3];
  const fits =
    found?.name === name &&
    inputs.length === 1 &&
    found.datatype === INPUT_TYPES[type] &&
    found.shape.length === 4 &&
    shape.every((size, i) => (found.shape[i + 1] ?? 0) < 0 || found.shape[i + 1] === size);
  if (fits) return;
  const seen = inputs.map((port) => `${port.name} ${port.datatype} [${port.shape.join(',')}]`).join(', ');
  const expected = `${name} ${INPUT_TYPES[type]} [N,${shape.join(',')}]`;
  throw new VigiaError('model_load', `model ${remote.model} on ${remote.url} takes ${seen}, ${expected} is expected`);
}

function wantedOutput(name: string, outputs: readonly PortDescription[], remote: RemoteSettings): WantedOutput {
  const where = `model ${remote.model} on ${remote.url}`;
  const found = outputs.find((output) => output.name === name);
  if (!found) {
    const names = outputs.map((output) => output.name).join(', ');
    throw new VigiaError('model_load', `${where} has no output '${name}'; it has ${names}`);
  }
  const datatype: Datatype | undefined = DATATYPES.find((known) => known === found.datatype);
  if (datatype) return { ...found, datatype };
  const text = `${where} gives output '${name}' as ${found.datatype}; ${DATATYPES.join(', ')} are possible`;
  throw new VigiaError('model_load', text);
}
