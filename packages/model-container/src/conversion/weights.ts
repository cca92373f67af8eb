import { VigiaError } from '@vigia/base';

/**
 * One entry of a TensorFlow.js weights manifest
 * (https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts, `WeightsManifestEntry`).
 */
export interface WeightEntry {
  readonly name: string;
  /** Elements per dimension; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Present when the bytes are `round((value − min) / scale)`, or a `float16`. */
  readonly quantization?: { readonly dtype: string; readonly scale?: number; readonly min?: number };
}

/** Entries that are stored one after another in the concatenation of `paths`. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightEntry[];
}

/** A constant of the source graph. `values` is row-major in the source's own axis order. */
export interface Weight {
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32';
  readonly values: Float32Array | Int32Array;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Cuts the shards of a manifest into tensors; expands quantised ones.
 *
 * @param groups The `weightsManifest` of `model.json`.
 * @param read Returns the bytes of one shard, by its path in the manifest.
 * @throws VigiaError `conversion` for an unsupported element type, or shards that are too short or too long.
 */
export function readWeights(groups: readonly WeightGroup[], read: (path: string) => Uint8Array): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const group of groups) {
    const bytes = Buffer.concat(group.paths.map(read));
    let offset = 0;
    for (const entry of group.weights) {
      const stored = entry.quantization?.dtype ?? entry.dtype;
      const end = offset + sizeOf(entry.shape) * bytesPerElement(stored, entry.name);
      if (end > bytes.byteLength) {
        throw new VigiaError(
          'conversion',
          `weight '${entry.name}' ends at byte ${end}, its shards have ${bytes.byteLength}`,
        );
      }
      weights.set(entry.name, decode(entry, stored, bytes.subarray(offset, end)));
      offset = end;
    }
    if (offset !== bytes.byteLength) {
      throw new VigiaError(
        'conversion',
        `the shards have ${bytes.byteLength} bytes, their manifest describes ${offset}`,
      );
    }
  }
  return weights;
}

function bytesPerElement(dtype: string, name: string): number {
  switch (dtype) {
    case 'float32':
    case 'int32':
      return 4;
    case 'uint16':
    case 'float16':
      return 2;
    case 'uint8':
      return 1;
    default:
      throw new VigiaError('conversion', `weight '${name}' has the element type '${dtype}', which is not supported`);
  }
}

function decode(entry: WeightEntry, stored: string, bytes: Uint8Array): Weight {
  if (entry.dtype !== 'float32' && entry.dtype !== 'int32') {
    throw new VigiaError(
      'conversion',
      `weight '${entry.name}' has the element type '${entry.dtype}', which is not supported`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values =
    entry.dtype === 'float32' ? new Float32Array(sizeOf(entry.shape)) : new Int32Array(sizeOf(entry.shape));
  const scale = entry.quantization?.scale ?? 1;
  const min = entry.quantization?.min ?? 0;
  for (let i = 0; i < values.length; i++) {
    const value = element(view, stored, i);
    // Quantised integers are rounded, like in TensorFlow.js.
    values[i] = !entry.quantization
      ? value
      : entry.dtype === 'int32'
        ? Math.round(value * scale + min)
        : value * scale + min;
  }
  return { shape: entry.shape, type: entry.dtype, values };
}

// A manifest's data is little-endian and may be unaligned.
function element(view: DataView, dtype: string, index: number): number {
  switch (dtype) {
    case 'float32':
      return view.getFloat32(index * 4, true);
    case 'int32':
      return view.getInt32(index * 4, true);
    case 'uint16':
      return view.getUint16(index * 2, true);
    case 'float16':
      return halfToNumber(view.getUint16(index * 2, true));
    default:
      return view.getUint8(index);
  }
}

// IEEE 754 binary16: a sign, five bits of exponent, ten of fraction.
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The same elements with permuted axes: axis `i` of the result is axis `permutation[i]` of the source. */
export function transposeWeight(weight: Weight, permutation: readonly number[]): Weight {
  const shape = permutation.map((axis) => weight.shape[axis] ?? 1);
  const strides = weight.shape.map((_, axis) => sizeOf(weight.shape.slice(axis + 1)));
  const step = permutation.map((axis) => strides[axis] ?? 0);
  const values =
    weight.type === 'float32' ? new Float32Array(weight.values.length) : new Int32Array(weight.values.length);
  const index = shape.map(() => 0);
  let source = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] = weight.values[source] ?? 0;
    // Counts `index` up like an odometer and moves `source` along.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      source += step[axis] ?? 0;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      source -= next * (step[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return { shape, type: weight.type, values };
}
