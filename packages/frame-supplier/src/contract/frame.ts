/**
 * What a supplier publishes: immutable, shared, reference-counted. The supplier writes `seq` once, at publish; nothing
 * else ever changes.
 */
export interface SuppliedFrame {
  /** Publish sequence, 1, 2, 3 …, without gaps. 0 before publish. */
  seq: number;
  /** When the scene was captured: monotonic milliseconds. */
  readonly capturedMs: number;
  /** Adds a reference. */
  retain(): void;
  /** Releases a reference; the last release frees the pixels. */
  release(): void;
}
