import type { MailboxCounters, SeatReport } from '@vigia/frame-supplier';

/** Whether every frame that was offered became one thing exactly: delivered, dropped for one cause, or pending. */
export function isConservedMailbox({ offered, delivered, pending, dropped }: MailboxCounters): boolean {
  const { gated, overwritten, stale, closed } = dropped;
  return offered === delivered + pending + gated + overwritten + stale + closed;
}

/** The same for a reader elsewhere, whose deliveries became one thing exactly, too. */
export function isConserved({ counters, results, inFlight }: SeatReport): boolean {
  const { ok, expired, timeout, unavailable, error } = results;
  return isConservedMailbox(counters) && counters.delivered === ok + expired + timeout + unavailable + error + inFlight;
}
