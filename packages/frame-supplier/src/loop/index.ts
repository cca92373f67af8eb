export { type ConsumeJitOptions, consumeJit, type JitConsumption, type JitCounters } from './consume-jit.ts';
export {
  DISTRIBUTION_BATCH,
  FrameSupplier,
  type FrameSupplierOptions,
  type SubscribeOptions,
} from './frame-supplier.ts';
export { Gate } from './gate.ts';
export { Mailbox, type MailboxOptions, staleAfterMs } from './mailbox.ts';
