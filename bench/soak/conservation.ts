import type { MailboxCounters, SeatReport } from '@vigia/frame-supplier';

/** Whether every offered frame has exactly one outcome: delivered, dropped for one cause, or pending. */
export function isConservedMailbox({ offered, delivered, pending, dropped }: MailboxCounters): boolean {
  const { gated, overwritten, stale, closed } = dropped;
  return offered === delivered + pending + gated + overwritten + stale + closed;
}

/** The same for a remote reader, whose deliveries have exactly one outcome, too. */
export function isConserved({ counters, results, inFlight }: SeatReport): boolean {
  const { ok, expired, timeout, unavailable, error } = results;
  return isConservedMailbox(counters) && counters.delivered === ok + expired + timeout + unavailable + error + inFlight;
}
