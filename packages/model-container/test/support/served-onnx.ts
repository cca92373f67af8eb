import type { ServedModel, ServedPort, ServedTensor } from '@vigia/testkit';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const DATATYPES: Readonly<Record<string, string>> = { uint8: 'UINT8', int32: 'INT32', float32: 'FP32' };
const ARRAYS = { UINT8: Uint8Array, INT32: Int32Array, FP32: Float32Array } as const;

function portOf(metadata: InferenceSession.ValueMetadata): ServedPort {
  if (!metadata.isTensor) throw new Error(`${metadata.name} is no tensor`);
  const shape = metadata.shape.map((size) => (typeof size === 'number' && size > 0 ? size : -1));
  return { name: metadata.name, datatype: DATATYPES[metadata.type] ?? metadata.type, shape };
}

/** A real model for an `InferenceServer`: an ONNX file, computed in this process. The opener releases it. */
export class ServedOnnx implements ServedModel {
  readonly name: string;
  readonly inputs: readonly ServedPort[];
  readonly outputs: readonly ServedPort[];
  readonly #session: InferenceSession;

  private constructor(name: string, session: InferenceSession) {
    this.name = name;
    this.inputs = session.inputMetadata.map(portOf);
    this.outputs = session.outputMetadata.map(portOf);
    this.#session = session;
  }

  /** Loads it. */
  static async open(name: string, path: string): Promise<ServedOnnx> {
    return new ServedOnnx(name, await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 }));
  }

  async infer(inputs: readonly ServedTensor[]): Promise<ServedTensor[]> {
    const feeds = inputs.map(({ name, datatype, shape, data }) => {
      const type = Object.entries(DATATYPES).find(([, known]) => known === datatype)?.[0] ?? datatype;
      const values = new ARRAYS[datatype as keyof typeof ARRAYS](Uint8Array.from(data).buffer);
      return [name, new Tensor(type as 'uint8', values as never, shape)] as const;
    });
    const results = await this.#session.run(Object.fromEntries(feeds));
    return this.outputs.map(({ name, datatype }) => {
      const { dims, data } = results[name] as Tensor;
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      return { name, datatype, shape: dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
    });
  }

  /** Releases it. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}
