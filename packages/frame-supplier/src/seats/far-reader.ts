import type { ReaderEnd } from '#contract';
import type { SeatReader, SeatReaderStatistics } from './seat-reader.ts';

/** What readers in other threads and processes have in common, whatever wakes them. */
export abstract class FarReader implements Disposable {
  protected readonly reader: SeatReader;

  /** Built by the functions that attach. */
  constructor(reader: SeatReader) {
    this.reader = reader;
  }

  get id(): string {
    return this.reader.id;
  }

  /** Undefined while open. */
  get end(): ReaderEnd | undefined {
    return this.reader.end;
  }

  /** Counts at this end; the supplier has its own. */
  statistics(): SeatReaderStatistics {
    return this.reader.statistics();
  }

  /** Leaves: a waiting read gets the end, what is pending is counted as `closed`. Idempotent. */
  close(): void {
    this.reader.finish('closed');
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
