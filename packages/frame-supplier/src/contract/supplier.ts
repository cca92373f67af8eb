import type { SuppliedFrame } from './frame.ts';
import type { SupplierCounters, SupplierStatistics } from './statistics.ts';

/**
 * The publisher's end: hands every consumer the newest frame, and nothing else (FS1–FS7).
 *
 * Belongs to one event loop. `publish` runs no consumer's code, waits for nobody and costs the same whatever the number
 * of consumers. States: not started, running, stopped; `start` and `stop` may be called in any state, twice is fine.
 */
export interface FramePublisher<F extends SuppliedFrame> {
  /** Whether frames are accepted. */
  readonly running: boolean;
  /** Begins to accept frames; a stopped one may be started again. */
  start(): void;
  /** Ends every reader with `stopped`, drops what is pending. Drains nothing. */
  stop(): void;
  /**
   * Takes over the caller's reference, gives the frame its number and returns at once.
   *
   * @throws VigiaError `supplier_stopped` unless running; the reference is released all the same.
   */
  publish(frame: F): void;
  /** A consistent copy of the supplier's own counters. */
  counters(): SupplierCounters;
  /** Counters and statistics of the supplier and of every consumer subscribed now. */
  statistics(): SupplierStatistics;
}
