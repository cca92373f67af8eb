import { messageOf, VigiaError } from '@vigia/base';
import type { Provider } from '@vigia/contracts';
import { InferenceSession, type OnnxValue, Tensor } from 'onnxruntime-node';
import type { ModelInput } from '#manifest';
import { type InputArray, inputArray } from '#preprocess';
import type { Network, NetworkPort, OutputTensor } from './network.ts';
import { checkProvider, providerFailed } from './providers.ts';
import { rowOf } from './row-of.ts';

/** Options of {@link OnnxNetwork.open}. */
export interface OnnxNetworkOptions {
  /** The model's file. */
  readonly path: string;
  readonly input: ModelInput;
  /** Threads inside one operation. One is best where cores are shared. */
  readonly threads: number;
  readonly provider: Provider;
  /** Outputs for the decoder, in its order. Default: all. */
  readonly outputs?: readonly string[] | undefined;
  /** Most frames of one run. Default: the manifest's. */
  readonly maxBatch?: number | undefined;
}

/** Tensors for runs of one batch size, created once. */
interface Run {
  readonly feeds: Record<string, OnnxValue>;
  /** Passed to the runtime to write into; undefined where the size is not known in advance. */
  readonly fetches: Record<string, OnnxValue> | undefined;
  readonly rows: readonly (readonly OutputTensor[])[] | undefined;
}

/**
 * A network in ONNX Runtime. Input and outputs are allocated once, except outputs whose size the graph leaves open.
 * `run` blocks the calling thread for the whole inference (onnxruntime-node computes on it), so a server keeps the
 * network in a thread of its own. The opener owns it and calls `close`.
 */
export class OnnxNetwork implements Network {
  readonly input: InputArray;
  readonly maxBatch: number;
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  readonly provider: string;
  readonly #session: InferenceSession;
  readonly #input: ModelInput;
  /** By number of frames. */
  readonly #runs = new Map<number, Run>();

  private constructor(session: InferenceSession, options: OnnxNetworkOptions, outputs: readonly NetworkPort[]) {
    this.#session = session;
    this.#input = options.input;
    this.provider = options.provider;
    this.maxBatch = options.maxBatch ?? options.input.max_batch ?? 1;
    this.inputs = session.inputMetadata.map(portOf);
    this.outputs = outputs;
    this.input = inputArray(options.input, this.maxBatch);
  }

  /**
   * Loads a model file.
   *
   * @throws VigiaError `provider`, or `model_load` when the runtime refuses the file or a requested port is missing.
   */
  static async open(options: OnnxNetworkOptions): Promise<OnnxNetwork> {
    const { path, input, provider } = options;
    checkProvider(provider);
    const session = await createSession(options);
    try {
      const all = session.outputMetadata.map(portOf);
      const names = options.outputs ?? all.map((port) => port.name);
      const outputs = names.map((name) => all.find((port) => port.name === name));
      const missing = session.inputNames.includes(input.name) ? names.find((_, i) => !outputs[i]) : input.name;
      if (missing !== undefined)
        throw new VigiaError('model_load', `${path} has no input or output '${missing}'`, { path });
      const others = session.inputNames.filter((name) => name !== input.name);
      if (others.length > 0) {
        const text = `${path} has further inputs: ${others.join(', ')}; a model with one input is expected`;
        throw new VigiaError('model_load', text, { path });
      }
      return new OnnxNetwork(session, options, outputs as NetworkPort[]);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  async run(count: number): Promise<readonly (readonly OutputTensor[])[]> {
    const run = this.#prepared(count);
    if (run.fetches && run.rows) {
      await this.#session.run(run.feeds, run.fetches);
      return run.rows;
    }
    const names = this.outputs.map((port) => port.name);
    const results = await this.#session.run(run.feeds, names);
    const tensors = names.map((name) => results[name] as Tensor);
    return Array.from({ length: count }, (_, row) =>
      tensors.map((t, i) => rowOfTensor(names[i] as string, t, count, row)),
    );
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #prepared(count: number): Run {
    const known = this.#runs.get(count);
    if (known) return known;
    const { name, width, height, layout, type = 'uint8' } = this.#input;
    const values = this.input.subarray(0, count * width * height * 3);
    const dims = layout === 'NCHW' ? [count, 3, height, width] : [count, height, width, 3];
    const run = { feeds: { [name]: new Tensor(type, values as never, dims) }, ...this.#fetches(count) };
    this.#runs.set(count, run);
    return run;
  }

  #fetches(count: number): Pick<Run, 'fetches' | 'rows'> {
    const fetches: Record<string, Tensor> = {};
    for (const { name, type, shape } of this.outputs) {
      // The first size may be open: it is the batch. Any other open size is known only after a run.
      const rest = shape.slice(1);
      const known = type === 'float32' && rest.every((size) => typeof size === 'number' && size > 0);
      if (!known || shape.length < 2 || (typeof shape[0] === 'number' && shape[0] !== count)) {
        return { fetches: undefined, rows: undefined };
      }
      // A graph whose output differs from its declaration fails at the run: the runtime compares the two.
      const dims = [count, ...(rest as number[])];
      fetches[name] = new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)), dims);
    }
    const rows = Array.from({ length: count }, (_, row) =>
      Object.entries(fetches).map(([name, tensor]) => rowOfTensor(name, tensor, count, row)),
    );
    return { fetches, rows };
  }
}

async function createSession({ path, threads, provider }: OnnxNetworkOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // The runtime's own messages go to stderr in another format; what matters is also thrown as an error.
      logSeverityLevel: 4,
    });
  } catch (error) {
    if (provider !== 'cpu') throw providerFailed(provider, error);
    throw new VigiaError('model_load', `${path} cannot be loaded: ${messageOf(error)}`, { path, cause: error });
  }
}

function portOf(metadata: InferenceSession.ValueMetadata): NetworkPort {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'not a tensor', shape: [] };
}

function rowOfTensor(name: string, tensor: Tensor, count: number, row: number): OutputTensor {
  return rowOf({ name, dims: tensor.dims, data: tensor.data as Float32Array }, count, row, 'the graph');
}
