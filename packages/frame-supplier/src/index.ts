export { FrameSegmentReader, type ReadOutcome } from './frame-segment-reader.ts';
export { type FrameSegmentOptions, FrameSegmentWriter, type FrameStamp } from './frame-segment-writer.ts';
export {
  DISTRIBUTION_BATCH,
  FrameSupplier,
  type FrameSupplierOptions,
  type SubscribeOptions,
  type SupplierCounters,
} from './frame-supplier.ts';
export { Gate } from './gate.ts';
export {
  type DropCounters,
  Mailbox,
  type MailboxCounters,
  type MailboxOptions,
  type ReaderStats,
  type SuppliedFrame,
} from './mailbox.ts';
export { type SlotLease, SlotRing } from './slot-ring.ts';
