/** Frames received in another thread or process, in order: the number of each and its time of arrival. */
export interface Received {
  readonly seqs: number[];
  /** {@link nowNs}, or CLOCK_MONOTONIC in another language. */
  readonly ns: number[];
}

/**
 * Parses the output of a reader's process.
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
