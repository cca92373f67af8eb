import type { InputArray } from '#preprocess';

/** One output of a network for one picture: without the batch dimension. Borrowed until the next run. */
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
  /** Sizes; a text where the graph leaves it open. */
  readonly shape: readonly (number | string)[];
}

/**
 * Numbers in, numbers out: a loaded network with its input. Written by the caller between runs. Not for concurrent use.
 */
export interface Network {
  /** Input of up to `maxBatch` pictures, one behind the other. */
  readonly input: InputArray;
  readonly maxBatch: number;
  readonly inputs: readonly NetworkPort[];
  readonly outputs: readonly NetworkPort[];
  /** What computes: `cpu`, `cuda`, `remote`, … */
  readonly provider: string;
  /**
   * Runs the first `count` pictures of `input`.
   *
   * @returns The outputs of each picture, in the order of `outputs`; theirs until the next run.
   * @throws the runtime's error.
   */
  run(count: number): Promise<readonly (readonly OutputTensor[])[]>;
  /** Releases its memory. */
  close(): Promise<void>;
}
