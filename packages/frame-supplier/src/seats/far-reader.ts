import type { ReaderEnd } from '#contract';
import type { SeatReader, SeatReaderStatistics } from './seat-reader.ts';

/** Common to readers in other threads and processes, over any transport. */
export abstract class FarReader implements Disposable {
  protected readonly reader: SeatReader;

  /** Created by the functions that attach. */
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

  /** Counts of this end; the supplier has its own. */
  statistics(): SeatReaderStatistics {
    return this.reader.statistics();
  }

  /** Closes the reader: a waiting read gets the end, a pending frame is counted as `closed`. Idempotent. */
  close(): void {
    this.reader.finish('closed');
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
