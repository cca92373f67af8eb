import type { InputArray } from '#preprocess';

/** One output of a network for one frame, without the batch dimension. Borrowed until the next run. */
export interface OutputTensor {
  readonly name: string;
  /** Sizes, without the batch. */
  readonly dims: readonly number[];
  /** Row-major. */
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array;
}

/** A port of a network, as the runtime describes it. */
export interface NetworkPort {
  readonly name: string;
  /** `uint8`, `float32`, …: the runtime's name of the element type. */
  readonly type: string;
  /** Sizes; a string where the graph leaves it open. */
  readonly shape: readonly (number | string)[];
}

/**
 * Tensors in, tensors out: a loaded network with its input, which the caller writes between runs. Not for concurrent
 * use.
 */
export interface Network {
  /** Input of up to `maxBatch` frames, one after another. */
  readonly input: InputArray;
  readonly maxBatch: number;
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  /** The provider: `cpu`, `cuda`, `remote`, … */
  readonly provider: string;
  /**
   * Runs the first `count` frames of `input`.
   *
   * @returns The outputs of each frame, in the order of `outputs`; valid until the next run.
   * @throws the runtime's error.
   */
  run(count: number): Promise<readonly (readonly OutputTensor[])[]>;
  /** Releases its memory. */
  close(): Promise<void>;
}
