import type { SuppliedFrame } from './frame.ts';
import type { SupplierCounters, SupplierStatistics } from './statistics.ts';

/**
 * The publisher's end: passes the newest frame to every consumer (FS1–FS7).
 *
 * Belongs to one event loop. `publish` runs no consumer code, never waits, and its cost does not depend on the number
 * of consumers. States: not started, running, stopped; `start` and `stop` are idempotent and allowed in any state.
 */
export interface FramePublisher<F extends SuppliedFrame> {
  /** Whether frames are accepted. */
  readonly running: boolean;
  /** Starts accepting frames; a stopped supplier may be started again. */
  start(): void;
  /** Ends every reader with `stopped` and drops pending frames. Drains nothing. */
  stop(): void;
  /**
   * Takes over the caller's reference, numbers the frame and returns at once.
   *
   * @throws VigiaError `supplier_stopped` unless running; the reference is released in any case.
   */
  publish(frame: F): void;
  /** A consistent copy of the supplier's own counters. */
  counters(): SupplierCounters;
  /** Counters and statistics of the supplier and of every current consumer. */
  statistics(): SupplierStatistics;
}
