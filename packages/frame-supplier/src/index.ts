export {
  type BlockingFrameReader,
  type ConsumerStatistics,
  CountedFrame,
  type DropCounters,
  type FramePublisher,
  type FrameReader,
  type Lease,
  type MailboxCounters,
  type ReaderEnd,
  type SuppliedFrame,
  type SupplierCounters,
  type SupplierStatistics,
} from '#contract';
export {
  type ConsumeJitOptions,
  consumeJit,
  DISTRIBUTION_BATCH,
  FrameSupplier,
  type FrameSupplierOptions,
  Gate,
  type JitConsumption,
  type JitCounters,
  type Mailbox,
  staleAfterMs,
  type SubscribeOptions,
} from '#loop';
export {
  type FrameSegmentOptions,
  FrameSegmentReader,
  FrameSegmentWriter,
  type FrameShape,
  type FrameStamp,
  type FrameView,
  type ReadOutcome,
  packedShape,
  removeSegmentsOfWriter,
  type SlotLease,
  SlotRing,
  sweepSegments,
} from '#segment';
export {
  type AttachReaderOptions,
  attachBlockingReader,
  attachReader,
  type BlockingProcessFrameReader,
  type ProcessFrameReader,
  ProcessFrameServer,
  type ProcessFrameServerOptions,
} from '#process';
export type { Rendition, SeatReaderStatistics, SeatReport, SeatResults, SharedFrame } from '#seats';
export {
  openThreadReader,
  type ThreadFrameReader,
  ThreadFrameServer,
  type ThreadFrameServerOptions,
  type ThreadSeatHandle,
} from '#thread';
