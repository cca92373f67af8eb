/** What a reader in another thread or process saw, in order: for each frame its number and when it was in hand. */
export interface Received {
  readonly seqs: number[];
  /** {@link nowNs}, or CLOCK_MONOTONIC in another language. */
  readonly ns: number[];
}

/**
 * Reads what a reader's process printed.
 *
 * @throws Error when it is something else.
 */
export function receivedOf(text: string): Received {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'seqs' in value && 'ns' in value) {
    const { seqs, ns } = value;
    if (Array.isArray(seqs) && Array.isArray(ns)) return { seqs: seqs.map(Number), ns: ns.map(Number) };
  }
  throw new Error('the reader printed something else than what it received');
}
