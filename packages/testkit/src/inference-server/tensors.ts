/** A tensor in transit: raw bytes, little-endian and row-major, for any form in the message. */
export interface ServedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Supported element types. */
const ARRAYS = { UINT8: Uint8Array, BOOL: Uint8Array, INT32: Int32Array, FP32: Float32Array } as const;

function arrayOf(datatype: string): (typeof ARRAYS)[keyof typeof ARRAYS] {
  if (Object.hasOwn(ARRAYS, datatype)) return ARRAYS[datatype as keyof typeof ARRAYS];
  throw new TypeError(`datatype ${datatype} is not supported`);
}

/** Values of a message, nested or flat, as bytes. */
export function bytesOf(datatype: string, data: readonly unknown[]): Uint8Array {
  const flat: readonly unknown[] = data.flat(Number.POSITIVE_INFINITY);
  return new Uint8Array(arrayOf(datatype).from(flat.map(Number)).buffer);
}

/** Bytes as the flat values of a message. */
export function numbersOf({ datatype, data }: Pick<ServedTensor, 'datatype' | 'data'>): number[] {
  const { buffer } = Uint8Array.from(data);
  return Array.from(new (arrayOf(datatype))(buffer));
}
