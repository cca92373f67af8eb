/**
 * Memory that holds a frame segment or a seat table: a mapped file of /dev/shm (a `SharedMapping` of base) between
 * processes, a SharedArrayBuffer between threads.
 */
export interface SegmentMemory {
  /** A file, or a name for messages. */
  readonly path: string;
  /** The whole memory; begins at a multiple of 8. */
  readonly bytes: Buffer;
  /** Frees the memory. Idempotent. References to `bytes` stay readable. */
  retire(): void;
}

/** Memory shared by threads of this process. It lives for as long as it is referenced. */
export function threadMemory(buffer: SharedArrayBuffer, name: string): SegmentMemory {
  return { path: name, bytes: Buffer.from(buffer), retire: () => undefined };
}

/**
 * Writes a 64-bit value as two words, low half first: avoids a temporary bigint. Exact up to 2^53; fractions are cut
 * off. Negative values become two's complement.
 */
export function putU64(words: Int32Array, index: number, value: number): void {
  const whole = Math.floor(value);
  words[index] = whole;
  words[index + 1] = Math.floor(whole / 2 ** 32);
}

/** Reads a 64-bit value as a number: exact up to 2^53, which is 104 days in nanoseconds. */
export function getU64(words: Int32Array, index: number): number {
  return ((words[index] ?? 0) >>> 0) + ((words[index + 1] ?? 0) >>> 0) * 2 ** 32;
}

/** The same for a signed value. */
export function getI64(words: Int32Array, index: number): number {
  return ((words[index] ?? 0) >>> 0) + (words[index + 1] ?? 0) * 2 ** 32;
}
