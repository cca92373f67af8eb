import type { MailboxCounters } from '@vigia/frame-supplier';

/** The counters of a mailbox that was offered nothing. */
export const NO_COUNTERS: MailboxCounters = {
  offered: 0,
  delivered: 0,
  pending: 0,
  dropped: { gated: 0, overwritten: 0, stale: 0, closed: 0 },
};

/** The sum of the counters of two mailboxes. */
export function addCounters(a: MailboxCounters, b: MailboxCounters): MailboxCounters {
  return {
    offered: a.offered + b.offered,
    delivered: a.delivered + b.delivered,
    pending: a.pending + b.pending,
    dropped: {
      gated: a.dropped.gated + b.dropped.gated,
      overwritten: a.dropped.overwritten + b.dropped.overwritten,
      stale: a.dropped.stale + b.dropped.stale,
      closed: a.dropped.closed + b.dropped.closed,
    },
  };
}
