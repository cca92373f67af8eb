export { CountedFrame } from './counted-frame.ts';
export type { SuppliedFrame } from './frame.ts';
export { type Lease, leaseHeld, lend, readerBusy } from './lease.ts';
export { type BlockingFrameReader, type FrameReader, framesOf, framesOfBlocking, type ReaderEnd } from './reader.ts';
export type {
  ConsumerStatistics,
  DropCounters,
  MailboxCounters,
  SupplierCounters,
  SupplierStatistics,
} from './statistics.ts';
export type { FramePublisher } from './supplier.ts';
