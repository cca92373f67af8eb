import type { Lease, Mailbox, SeatReport } from '@vigia/frame-supplier';
import {
  type NextAnswer,
  newSupplier,
  type ReaderUnderTest,
  type SubjectUnderTest,
  type TestFrame,
} from './subject.ts';

/** A reader in the supplier's own loop. */
class LoopReader implements ReaderUnderTest {
  readonly #mailbox: Mailbox<TestFrame>;
  #lease: Lease<TestFrame> | undefined;
  #taken = 0;

  constructor(mailbox: Mailbox<TestFrame>) {
    this.#mailbox = mailbox;
  }

  get id(): string {
    return this.#mailbox.id;
  }

  async next(timeoutMs?: number): Promise<NextAnswer> {
    try {
      const lease = await this.#mailbox.next(timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs));
      if (!lease) return { end: this.#mailbox.end ?? 'lost' };
      this.#lease = lease;
      this.#taken += 1;
      return { frame: { seq: lease.frame.seq, captured_ms: lease.frame.capturedMs, width: lease.frame.side } };
    } catch (error) {
      const { name, code, message } = error as Error & { code: string };
      return name === 'TimeoutError' ? { timeout: true } : { error: { code, message } };
    }
  }

  release(): Promise<{ readonly error?: { readonly code: string } }> {
    try {
      this.#lease?.release();
      return Promise.resolve({});
    } catch (error) {
      return Promise.resolve({ error: error as { code: string } });
    }
  }

  close(): Promise<void> {
    this.#mailbox.close();
    if (this.#lease && !this.#lease.released) this.#lease.release();
    return Promise.resolve();
  }

  report(): SeatReport {
    const counters = this.#mailbox.counters();
    const inFlight = this.#lease && !this.#lease.released ? 1 : 0;
    const ok = this.#taken - inFlight;
    return { counters, results: { ok, expired: 0, timeout: 0, unavailable: 0, error: 0 }, inFlight };
  }
}

/** Consumers in the supplier's own event loop. */
export function openLoop(): Promise<SubjectUnderTest> {
  const { supplier, clock } = newSupplier();
  const readers = new Map<string, LoopReader>();
  const mailboxes = new Map<string, Mailbox<TestFrame>>();
  return Promise.resolve({
    supplier,
    clock,
    attach: async (id, options) => {
      const mailbox = supplier.subscribe(id, options);
      const reader = new LoopReader(mailbox);
      mailboxes.set(id, mailbox);
      readers.set(id, reader);
      return reader;
    },
    remove: (id) => mailboxes.get(id)?.endWith('stopped'),
    report: (id) => (readers.get(id) as LoopReader).report(),
    get readers() {
      return supplier.consumers;
    },
    close: () => {
      supplier.stop();
      return Promise.resolve();
    },
  });
}
