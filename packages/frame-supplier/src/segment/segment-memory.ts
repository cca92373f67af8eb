/**
 * Memory that holds a frame segment or a seat table: a mapped file of /dev/shm (a `SharedMapping` of base) between
 * processes, a SharedArrayBuffer between threads.
 */
export interface SegmentMemory {
  /** A file, or a name for messages. */
  readonly path: string;
  /** The whole memory; begins at a multiple of 8. */
  readonly bytes: Buffer;
  /** Gives the memory back. Idempotent. What is kept of `bytes` stays readable. */
  retire(): void;
}

/** Memory that threads of this process share. It lives as long as anybody refers to it. */
export function threadMemory(buffer: SharedArrayBuffer, name: string): SegmentMemory {
  return { path: name, bytes: Buffer.from(buffer), retire: () => undefined };
}
