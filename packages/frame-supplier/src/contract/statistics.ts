/** Counters of a supplier. At any moment `published = distributed + inboxDrops + inboxPending` (AD2). */
export interface SupplierCounters {
  published: number;
  distributed: number;
  /** Overwritten in the inbox before distribution; about 0 in practice. */
  inboxDrops: number;
  /** 0 or 1. */
  inboxPending: number;
}

/** Why an offered frame was never delivered. */
export interface DropCounters {
  /** Its gate was not due. Does not count as a drop in an SLA. */
  gated: number;
  /** Due, but the consumer was busy until a newer one arrived. */
  overwritten: number;
  /** Too old; happens only when a camera stalls. */
  stale: number;
  /** Pending when the consumer left. */
  closed: number;
}

/**
 * Counters of one consumer. At any moment `offered = delivered + Σ dropped + pending` (AD2). Each term is counted at its
 * own event.
 */
export interface MailboxCounters {
  /** Frames published while it was subscribed. */
  offered: number;
  /** Frames taken. */
  delivered: number;
  /** 0 or 1. */
  pending: number;
  dropped: DropCounters;
}

/** One consumer, for monitoring and not for benchmarks (FS6). Times are monotonic milliseconds. */
export interface ConsumerStatistics {
  readonly lastConsumedAtMs: number | undefined;
  readonly lastConsumedSeq: number | undefined;
  /** Drops (without gated ones) since the last take. */
  readonly consecutiveDrops: number;
  /** Drops without gated ones. */
  readonly totalDrops: number;
  /** Nothing in flight, and a due frame pending unread for max(30 s, 3 gate intervals). */
  readonly isIdle: boolean;
}

/** State of a supplier and its consumers, over all transports. */
export interface SupplierStatistics {
  readonly supplier: SupplierCounters;
  /** By consumer id. */
  readonly consumers: ReadonlyMap<
    string,
    { readonly counters: MailboxCounters; readonly statistics: ConsumerStatistics }
  >;
}
