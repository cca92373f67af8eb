import { getEventListeners } from 'node:events';
import { FakeClock } from '@vigia/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { CountedFrame } from '#contract';
import { FrameSupplier } from './frame-supplier.ts';
import type { Mailbox } from './mailbox.ts';

let clock: FakeClock;
let supplier: FrameSupplier<CountedFrame<string>>;
let mailbox: Mailbox<CountedFrame<string>>;

beforeEach(() => {
  clock = new FakeClock();
  supplier = new FrameSupplier({ clock, sourceIntervalMs: () => 100 });
  supplier.start();
  mailbox = supplier.subscribe('a', { fps: 1 });
});

/** Publishes a frame and distributes it to the mailbox. */
async function publish(): Promise<CountedFrame<string>> {
  const frame = new CountedFrame('pixels', clock.nowMs());
  supplier.publish(frame);
  await Promise.resolve();
  return frame;
}

describe('on the hot path', () => {
  test('holds back the next frame until the taken one is settled', async () => {
    await publish();
    mailbox.take()?.release();
    clock.advance(1_000);
    await publish();
    expect([mailbox.inFlight, mailbox.hasDue, mailbox.take()]).toEqual([true, true, undefined]);
    mailbox.settle();
    expect(mailbox.take()?.seq).toBe(2);
  });

  test('hasDue follows the gate and changes nothing', async () => {
    expect(mailbox.hasDue).toBe(false);
    await publish();
    expect(mailbox.hasDue).toBe(true);
    mailbox.take()?.release();
    mailbox.settle();
    clock.advance(100);
    await publish();
    expect(mailbox.hasDue).toBe(false);
    clock.advance(60_000);
    expect([mailbox.hasDue, mailbox.counters().pending]).toEqual([false, 1]);
  });

  test('evictStale drops and counts a stale frame, even while one is in flight', async () => {
    mailbox.evictStale();
    await publish();
    mailbox.take()?.release();
    const frame = await publish();
    clock.advance(1_000);
    mailbox.evictStale();
    expect(mailbox.counters()).toMatchObject({ pending: 1, dropped: { stale: 0 } });
    clock.advance(1);
    mailbox.evictStale();
    mailbox.evictStale();
    expect(mailbox.counters()).toMatchObject({ pending: 0, dropped: { stale: 1 } });
    expect([frame.references, mailbox.hasDue]).toEqual([0, false]);
  });

  test('take returns nothing after the end', async () => {
    await publish();
    mailbox.close();
    expect([mailbox.hasDue, mailbox.take(), mailbox.counters().dropped.closed]).toEqual([false, undefined, 1]);
  });
});

describe('at the edge', () => {
  test('many reads with one signal share one listener, and the end removes it', async () => {
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i += 1) {
      const next = mailbox.next(signal);
      clock.advance(1_000);
      await publish();
      (await next)?.release();
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    }
    const last = mailbox.next(signal);
    mailbox.close();
    expect([await last, getEventListeners(signal, 'abort').length]).toEqual([undefined, 0]);
  });

  test('a read with another signal listens to that one only', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const next = mailbox.next(first.signal);
    await publish();
    (await next)?.release();
    const waiting = mailbox.next(second.signal);
    first.abort(new Error('of the first'));
    second.abort(new Error('of the second'));
    await expect(waiting).rejects.toThrow('of the second');
  });
});
