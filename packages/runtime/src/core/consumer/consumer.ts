import type { ConsumerReport } from '@vigia/contracts';
import type { ConsumerCounts, ConsumerTerms } from '#core/camera-link';

/** What a consumer cannot know by itself, as of now. */
export interface ConsumerLook {
  /** How its SLA is breached; null while it is kept. */
  readonly breach: string | null;
  /** Whether its camera delivers pictures. */
  readonly live: boolean;
}

/** What a consumer counts, at one moment. Ages are measured where the results are received. */
export type ConsumerStatus = ConsumerCounts & Pick<ConsumerReport, 'restarts'>;

/** A consumer's own process or thread, as others may control it. */
export interface WorkerControl {
  /**
   * Ends the worker for a reason that something else has seen; its restart policy applies.
   *
   * @param pid The process that is meant. Its successor is left alone.
   */
  end(reason: { readonly code: string; readonly message: string }, pid: number): void;
  /** Restarts the worker at once and with its whole budget, even one that has failed. */
  restart(): void;
}

/**
 * One consumer of one camera's pictures: a model, or a worker in a process or a thread. It takes the newest picture when it
 * can use one, and gives exactly one result for each picture taken.
 *
 * States: new, started, closed. `watch`, `pace`, `tune` and `report` may be called in any of them.
 */
export interface Consumer {
  /** Undefined for a consumer without a process or thread of its own. */
  readonly worker: WorkerControl | undefined;
  /** Starts what it needs; returns at once. Idempotent. */
  start(): void;
  /** Checks its health. The camera process calls it about twice a second. */
  watch(look: ConsumerLook): void;
  /** @param fps Another rate than the configured one; undefined restores the configured one. */
  pace(fps: number | undefined): void;
  /** Other terms from now on, with the rate of the latest `pace` until the next one. Nothing in flight is lost. */
  tune(terms: ConsumerTerms): void;
  /** A consistent copy of its counters. */
  report(): ConsumerStatus;
  /**
   * Leaves: the pending picture counts as `closed`, the one in flight becomes `unavailable`. Resolves when the consumer's
   * worker is gone. Idempotent.
   */
  close(): Promise<void>;
}
