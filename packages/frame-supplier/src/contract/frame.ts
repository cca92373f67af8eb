/**
 * What a supplier hands out: immutable, shared, reference-counted. The supplier writes `seq` once, at publish; nothing
 * else ever changes.
 */
export interface SuppliedFrame {
  /** Publish sequence, 1, 2, 3 …, without gaps. 0 before publish. */
  seq: number;
  /** When the scene was seen: monotonic milliseconds. */
  readonly capturedMs: number;
  /** Adds a reference. */
  retain(): void;
  /** Gives a reference back; the last one frees the pixels. */
  release(): void;
}
