import { READER_PAGE_BYTES } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { ReaderPage, ReaderPageView } from './reader-page.ts';
import { giveBack, INTERVAL_MS, memory, Rig, settle, turn } from '../../test/support/seat-rig.ts';

describe('a seat', () => {
  test('renders once for all readers that take the same frame, and never without a reader', async () => {
    const rig = new Rig();
    const readers = ['a', 'b', 'c'].map((id) => rig.attach(id));
    rig.publish();
    await turn();
    expect(rig.renders).toBe(0);
    for (const reader of readers) rig.ask(reader);
    await settle(rig, readers);
    expect(readers.map((r) => r.held?.frame.seq)).toEqual([1, 1, 1]);
    expect(rig.renders).toBe(1);
    expect(rig.frames.every((f) => f.references === 0)).toBe(true);
  });

  test('a reader that slept through newer frames gets the newest, not what was offered to it', async () => {
    const rig = new Rig();
    const reader = rig.attach('a');
    rig.ask(reader);
    for (let i = 0; i < 5; i += 1) {
      rig.publish();
      await turn();
      rig.clock.advance(INTERVAL_MS);
    }
    expect(rig.renders).toBe(1);
    await settle(rig, [reader]);
    expect(reader.held?.frame.seq).toBe(5);
    expect(rig.renders).toBe(2);
    expect(reader.seat.report()).toMatchObject({ results: { expired: 1 }, inFlight: 1 });
    expect(reader.reader.statistics()).toEqual({ delivered: 1, expired: 1, lastSeq: 5 });
  });

  test('an offer that went stale while the reader slept is not taken', async () => {
    const rig = new Rig(60_000);
    const reader = rig.attach('a');
    rig.ask(reader);
    rig.publish();
    await turn();
    rig.clock.advance(1_001);
    rig.hear(reader);
    await turn();
    expect(reader.held).toBeUndefined();
    expect(reader.waiting).toBe(true);
    rig.publish();
    await settle(rig, [reader]);
    expect(reader.held?.frame.seq).toBe(2);
  });

  test('a frame that is held for longer than the deadline is given up: its slot is reused, and it says so', async () => {
    const rig = new Rig(100);
    const slow = rig.attach('slow');
    const quick = rig.attach('quick');
    rig.ask(slow);
    rig.publish();
    await settle(rig, [slow]);
    expect(slow.held?.frame.whole()).toBe(true);
    for (let i = 0; i < 12; i += 1) {
      rig.clock.advance(50);
      rig.ask(quick);
      rig.publish();
      await settle(rig, [quick]);
      quick.held?.release();
      delete quick.held;
    }
    expect(slow.seat.report().results.timeout).toBe(1);
    expect(slow.held?.frame.whole()).toBe(false);
    giveBack(slow);
    expect(slow.reader.statistics().expired).toBe(1);
    rig.ask(slow);
    await settle(rig, [slow, quick]);
    expect(slow.held?.frame.seq).toBe(13);
    rig.balance(slow);
  });

  test('a rendering that fails is an error of that frame only', async () => {
    const rig = new Rig();
    const reader = rig.attach('a');
    rig.ask(reader);
    rig.publish(0);
    await settle(rig, [reader]);
    expect(rig.errors).toMatchObject([{ code: 'segment_geometry' }]);
    expect(reader.seat.report().results.error).toBe(1);
    rig.publish();
    await settle(rig, [reader]);
    expect(reader.held?.frame.seq).toBe(2);
    rig.balance(reader);
  });

  test('seats are bounded, ids unique, a reader that left makes room; pages that lie are not believed', async () => {
    const rig = new Rig();
    const readers = ['a', 'b', 'c'].map((id) => rig.attach(id));
    expect(() => rig.attach('a')).toThrow(expect.objectContaining({ code: 'duplicate_consumer' }));
    expect(() => rig.attach('e', 0)).toThrow(expect.objectContaining({ code: 'invalid_fps' }));
    rig.attach('d');
    expect(() => rig.attach('e')).toThrow(expect.objectContaining({ code: 'seats_full' }));
    readers[1]?.seat.readerGone();
    const page = memory(READER_PAGE_BYTES, 'page');
    expect(() => new ReaderPageView(page)).toThrow(expect.objectContaining({ code: 'invalid_page' }));
    new ReaderPage(page, rig.clock).settle(true);
    const liar = rig.ring.seat('liar', {}, new ReaderPageView(page), { wake: () => undefined });
    page.bytes.writeUInt32LE(0xffff_ffff, 128);
    page.bytes.writeUInt32LE(7, 132);
    rig.publish();
    await turn();
    liar.evaluate();
    expect(liar.report()).toMatchObject({ counters: { delivered: 0, pending: 1 }, inFlight: 0 });
  });
});
