import { FakeClock } from '@vigia/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DISTRIBUTION_BATCH, FrameSupplier } from './frame-supplier.ts';
import type { SuppliedFrame } from '#contract';
import type { Mailbox } from './mailbox.ts';

/** A frame that counts its references and throws when they do not add up. */
class TestFrame implements SuppliedFrame {
  seq = 0;
  references = 1;
  readonly capturedMs: number;

  constructor(capturedMs: number) {
    this.capturedMs = capturedMs;
  }

  retain(): void {
    if (this.references <= 0) throw new Error('retained after free');
    this.references += 1;
  }

  release(): void {
    if (this.references <= 0) throw new Error('released twice');
    this.references -= 1;
  }
}

function setUp(sourceIntervalMs = 33): {
  clock: FakeClock;
  supplier: FrameSupplier<TestFrame>;
  publish: () => TestFrame;
} {
  const clock = new FakeClock();
  const supplier = new FrameSupplier<TestFrame>({ clock, sourceIntervalMs: () => sourceIntervalMs });
  supplier.start();
  const publish = (): TestFrame => {
    const frame = new TestFrame(clock.nowMs());
    supplier.publish(frame);
    return frame;
  };
  return { clock, supplier, publish };
}

const distributed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function balance(mailbox: Mailbox<TestFrame>): void {
  const { offered, delivered, pending, dropped } = mailbox.counters();
  expect(offered).toBe(delivered + dropped.gated + dropped.overwritten + dropped.stale + dropped.closed + pending);
}

describe('publish', () => {
  test('runs no consumer code and numbers frames 1, 2, 3', () => {
    const { supplier, publish } = setUp();
    let offers = 0;
    supplier.subscribe('a', { onOffer: () => (offers += 1) });
    expect([publish().seq, publish().seq, publish().seq]).toEqual([1, 2, 3]);
    expect(offers).toBe(0);
    expect(supplier.counters()).toEqual({ published: 3, distributed: 0, inboxDrops: 2, inboxPending: 1 });
  });

  test('after stop is refused, and the frame is let go', () => {
    const { supplier } = setUp();
    supplier.stop();
    supplier.stop();
    const frame = new TestFrame(0);
    expect(() => supplier.publish(frame)).toThrow(expect.objectContaining({ code: 'supplier_stopped' }));
    expect(frame.references).toBe(0);
  });

  test('fills at most eight mailboxes in one turn, the rest in turns of their own', async () => {
    const { supplier, publish } = setUp();
    const boxes = Array.from({ length: 2 * DISTRIBUTION_BATCH + 1 }, (_, i) => supplier.subscribe(`c${i}`));
    const frame = publish();
    await Promise.resolve();
    const filled = (): number => boxes.filter((b) => b.counters().pending === 1).length;
    expect(filled()).toBe(DISTRIBUTION_BATCH);
    await distributed();
    expect(filled()).toBe(2 * DISTRIBUTION_BATCH);
    await distributed();
    expect(filled()).toBe(2 * DISTRIBUTION_BATCH + 1);
    // One reference per mailbox, none left with the supplier.
    expect(frame.references).toBe(boxes.length);
  });

  test('consumers with costly offers are served after the others', async () => {
    const { supplier, publish } = setUp();
    const served: string[] = [];
    supplier.subscribe('renders', { onOffer: () => served.push('renders'), costly: true });
    supplier.subscribe('quick', { onOffer: () => served.push('quick') });
    supplier.subscribe('renders too', { onOffer: () => served.push('renders too'), costly: true });
    supplier.subscribe('quick too', { onOffer: () => served.push('quick too') });
    publish();
    await distributed();
    expect(served).toEqual(['quick', 'quick too', 'renders', 'renders too']);
  });

  test('a batch that comes late skips mailboxes that hold a newer frame', async () => {
    const { supplier, publish } = setUp();
    const boxes = Array.from({ length: DISTRIBUTION_BATCH + 1 }, (_, i) => supplier.subscribe(`c${i}`));
    publish();
    await Promise.resolve();
    const last = boxes[DISTRIBUTION_BATCH] as Mailbox<TestFrame>;
    const newer = new TestFrame(0);
    newer.seq = 99;
    last.offer(newer, 0);
    newer.release();
    await distributed();
    expect(last.take()?.seq).toBe(99);
    expect(last.counters()).toMatchObject({ offered: 2, delivered: 1, dropped: { overwritten: 1 } });
  });
});

describe('a mailbox', () => {
  test('holds the newest frame only, and counts what it overwrote', async () => {
    const { supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    const old = publish();
    await distributed();
    publish();
    await distributed();
    expect(old.references).toBe(0);
    expect(mailbox.take()?.seq).toBe(2);
    expect(mailbox.counters().dropped.overwritten).toBe(1);
    expect(mailbox.statistics().consecutiveDrops).toBe(0);
  });

  test('a stale frame is never taken', async () => {
    const { clock, supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    const frame = publish();
    await distributed();
    clock.advance(1_001);
    expect(mailbox.take()).toBeUndefined();
    expect(frame.references).toBe(0);
    expect(mailbox.counters().dropped.stale).toBe(1);
  });

  test('a waiting reader gets the next frame, the end on close, and the reason on abort', async () => {
    const { supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    const next = mailbox.next();
    await expect(mailbox.next()).rejects.toMatchObject({ code: 'reader_busy' });
    publish();
    const lease = await next;
    expect(lease?.frame.seq).toBe(1);
    lease?.release();
    const abort = new AbortController();
    const aborted = mailbox.next(abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const end = mailbox.next();
    supplier.stop();
    expect(await end).toBeUndefined();
    expect(await mailbox.next()).toBeUndefined();
  });

  test('ids are unique while subscribed, fps is checked', () => {
    const { supplier } = setUp();
    const first = supplier.subscribe('a');
    expect(() => supplier.subscribe('a')).toThrow(expect.objectContaining({ code: 'duplicate_consumer' }));
    for (const fps of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => supplier.subscribe('b', { fps })).toThrow(expect.objectContaining({ code: 'invalid_fps' }));
    }
    first.close();
    supplier.subscribe('a').close();
    expect(supplier.consumers).toBe(0);
  });

  test('is idle only when a due frame lies unread for 30 s with nothing in flight', async () => {
    const { clock, supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    expect(mailbox.statistics().isIdle).toBe(false);
    publish();
    await distributed();
    clock.advance(29_999);
    expect(mailbox.statistics().isIdle).toBe(false);
    publish();
    await distributed();
    clock.advance(1);
    expect(mailbox.statistics().isIdle).toBe(true);
    mailbox.take();
    expect(mailbox.statistics().isIdle).toBe(false);
  });
});

describe('leases', () => {
  test('one frame at a time; release twice and use after release are errors; `using` releases', async () => {
    const { supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    const frame = publish();
    await distributed();
    const lease = await mailbox.next();
    expect(lease?.frame).toBe(frame);
    publish();
    await distributed();
    await expect(mailbox.next()).rejects.toMatchObject({ code: 'lease_held' });
    lease?.release();
    expect(frame.references).toBe(0);
    expect(lease?.released).toBe(true);
    expect(() => lease?.release()).toThrow(expect.objectContaining({ code: 'lease_released' }));
    expect(() => lease?.frame).toThrow(expect.objectContaining({ code: 'lease_released' }));
    {
      using second = await mailbox.next();
      expect(second?.frame.seq).toBe(2);
    }
    balance(mailbox);
    publish();
    await distributed();
    expect((await mailbox.next())?.frame.seq).toBe(3);
  });

  test('`for await` lends each frame until the next one, and leaving it gives the last one back', async () => {
    const { supplier, publish } = setUp();
    const mailbox = supplier.subscribe('a');
    const seen: number[] = [];
    let held: TestFrame | undefined;
    publish();
    for await (const frame of mailbox) {
      expect(held?.references ?? 0).toBe(0);
      held = frame;
      expect(frame.references).toBe(1);
      seen.push(frame.seq);
      if (seen.length === 3) break;
      publish();
      publish();
    }
    // The first of each pair was overwritten in the inbox: the test gave the loop no turn between the two.
    expect(seen).toEqual([1, 3, 5]);
    expect(held?.references).toBe(0);
    expect(mailbox.end).toBeUndefined();
    supplier.stop();
    for await (const frame of mailbox) throw new Error(`frame ${frame.seq} after the end`);
    expect(mailbox.end).toBe('stopped');
  });

  test('a consumer that throws affects no other', async () => {
    const { supplier, publish } = setUp();
    const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    supplier.subscribe('bad', {
      onOffer: () => {
        throw new Error('a consumer failed');
      },
    });
    const good = supplier.subscribe('good');
    publish();
    expect(await thrown).toMatchObject({ message: 'a consumer failed' });
    process.setUncaughtExceptionCaptureCallback(null);
    expect(good.take()?.seq).toBe(1);
  });
});

describe('the gate', () => {
  test.each([
    [30, 7],
    [30, 5],
    [10, 10],
    [25, 10],
  ])('%i → %i fps within 0.2, with ±3 ms of jitter', async (sourceFps, gateFps) => {
    const interval = 1000 / sourceFps;
    const { clock, supplier } = setUp(interval);
    const mailbox = supplier.subscribe('a', { fps: gateFps });
    const seconds = 60;
    let random = 12345;
    const jitter = (): number => {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      return (random / 2 ** 31) * 6 - 3;
    };
    const start = clock.nowMs();
    for (let n = 0; n < seconds * sourceFps; n += 1) {
      const due = start + n * interval + jitter();
      clock.advance(Math.max(0, due - clock.nowMs()));
      supplier.publish(new TestFrame(clock.nowMs()));
      await Promise.resolve();
      mailbox.take()?.release();
      mailbox.settle();
    }
    const { delivered, dropped } = mailbox.counters();
    expect(delivered / seconds).toBeGreaterThan(gateFps - 0.2);
    expect(delivered / seconds).toBeLessThan(gateFps + 0.2);
    // The consumer was never busy: it missed only frames that were not due.
    expect(dropped.overwritten).toBe(0);
    balance(mailbox);
  });
});

test('conservation, order and references hold over any interleaving', async () => {
  const step = fc.oneof(
    fc.constant('publish' as const),
    fc.constant('turn' as const),
    fc.record({ take: fc.nat(11) }),
    fc.record({ close: fc.nat(11) }),
    fc.record({ wait: fc.integer({ min: 1, max: 900 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { clock, supplier, publish } = setUp();
      const boxes = Array.from({ length: 12 }, (_, i) => supplier.subscribe(`c${i}`, i % 3 === 0 ? { fps: 5 } : {}));
      const last = new Map<Mailbox<TestFrame>, number>();
      const frames: TestFrame[] = [];
      for (const s of steps) {
        if (s === 'publish') frames.push(publish());
        else if (s === 'turn') await distributed();
        else if ('take' in s) {
          const box = boxes[s.take] as Mailbox<TestFrame>;
          const frame = box.take();
          if (frame) {
            expect(frame.seq).toBeGreaterThan(last.get(box) ?? 0);
            last.set(box, frame.seq);
            frame.release();
            box.settle();
          }
        } else if ('close' in s) boxes[s.close]?.close();
        else clock.advance(s.wait);
        boxes.forEach(balance);
        const c = supplier.counters();
        expect(c.published).toBe(c.distributed + c.inboxDrops + c.inboxPending);
      }
      supplier.stop();
      await distributed();
      await distributed();
      boxes.forEach(balance);
      // Every native picture is freed once nothing holds it.
      expect(frames.filter((f) => f.references !== 0)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

describe('pace', () => {
  test('another rate from the next frame on, counted from the last one taken; what it leaves out is gated', async () => {
    const { clock, supplier, publish } = setUp(100);
    let taken = 0;
    const mailbox: Mailbox<TestFrame> = supplier.subscribe('a', {
      fps: 10,
      onOffer: () => {
        const frame = mailbox.take();
        if (!frame) return;
        taken += 1;
        frame.release();
        mailbox.settle();
      },
    });
    const takenIn = async (frames: number): Promise<number> => {
      const before = taken;
      for (let i = 0; i < frames; i += 1) {
        clock.advance(100);
        publish();
        await distributed();
      }
      balance(mailbox);
      return taken - before;
    };
    expect(await takenIn(20)).toBe(20);
    supplier.pace('a', 2);
    expect(await takenIn(20)).toBe(4);
    // The last one was not due at that rate; it is now, and is taken at once.
    supplier.pace('a', undefined);
    expect(taken).toBe(25);
    expect(await takenIn(20)).toBe(20);
    supplier.pace('a', 10);
    expect(await takenIn(20)).toBe(20);
    expect(mailbox.counters().dropped).toMatchObject({ gated: 15, overwritten: 0 });
  });

  test('only rates above 0; an unknown id is no error', () => {
    const { supplier } = setUp();
    supplier.subscribe('a');
    expect(() => supplier.pace('a', 0)).toThrow(expect.objectContaining({ code: 'invalid_fps' }));
    supplier.pace('b', 5);
  });
});
