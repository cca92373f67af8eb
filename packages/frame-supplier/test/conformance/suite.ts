import { sleep, systemClock } from '@vigia/base';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  consumerOf,
  type NextAnswer,
  type OpenSubject,
  type ReaderUnderTest,
  type SubjectUnderTest,
  TestFrame,
} from './subject.ts';

/** Options of {@link conformance}. */
export interface ConformanceOptions {
  /**
   * Whether readers share no memory objects with the supplier: frames are then copies in shared memory, with pixels to
   * check.
   */
  readonly remote: boolean;
  /** Interleavings of the property test. */
  readonly runs: number;
}

/** Long enough for any scheduler; only a defect waits that long. */
const PATIENCE_MS = Number(process.env['VIGIA_CONFORMANCE_PATIENCE_MS'] ?? 10_000);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for a condition, and fails with its name when it never holds. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const end = systemClock.nowMs() + PATIENCE_MS;
  while (!condition()) {
    if (systemClock.nowMs() > end) throw new Error(`never happened: ${what}`);
    await sleep(systemClock, 1);
  }
}

function seqOf(answer: NextAnswer): number {
  if ('frame' in answer) return answer.frame.seq;
  throw new Error(`no frame: ${JSON.stringify(answer)}`);
}

/**
 * The promises of every transport (FS2, FS3, FS6, FS12, AD2), by the same tests for all of them.
 *
 * @param open Creates a supplier and the transport, without readers.
 */
export function conformance(name: string, open: OpenSubject, { remote, runs }: ConformanceOptions): void {
  describe(`the contract: ${name}`, () => {
    let subject: SubjectUnderTest;
    let frames: TestFrame[];

    beforeEach(async () => {
      subject = await open();
      frames = [];
    });
    afterEach(async () => {
      await subject.close();
      await until('every frame is given back', () => frames.every((frame) => frame.references === 0));
    });

    /** Published, and distributed to every mailbox. */
    async function publish(count = 1, side = 64): Promise<void> {
      for (let i = 0; i < count; i += 1) {
        const frame = new TestFrame(subject.clock.nowMs(), side);
        frames.push(frame);
        subject.supplier.publish(frame);
        await turn();
      }
    }

    function balance(id: string): void {
      const { counters, results, inFlight } = subject.report(id);
      const { gated, overwritten, stale, closed } = counters.dropped;
      expect(counters.offered).toBe(counters.delivered + gated + overwritten + stale + closed + counters.pending);
      const { ok, expired, timeout, unavailable, error } = results;
      expect(counters.delivered).toBe(ok + expired + timeout + unavailable + error + inFlight);
      const { published, distributed, inboxDrops, inboxPending } = subject.supplier.counters();
      expect(published).toBe(distributed + inboxDrops + inboxPending);
    }

    async function read(reader: ReaderUnderTest, timeoutMs = PATIENCE_MS): Promise<number> {
      const answer = await reader.next(timeoutMs);
      const seq = seqOf(answer);
      if ('frame' in answer && answer.frame.sum !== undefined) {
        // Every 64th byte of a picture in one grey value.
        const side = answer.frame.width ?? 0;
        expect(answer.frame.sum).toBe(Math.ceil((side * side) / 64) * (seq & 255));
      }
      await reader.release();
      return seq;
    }

    test('the newest frame wins, and what it replaced is counted', async () => {
      const reader = await subject.attach('a');
      await publish(5);
      expect(consumerOf(subject, 'a').statistics).toMatchObject({ consecutiveDrops: 4, totalDrops: 4 });
      expect(await read(reader)).toBe(5);
      const { counters, statistics } = consumerOf(subject, 'a');
      expect(counters).toMatchObject({ offered: 5, delivered: 1, pending: 0, dropped: { overwritten: 4 } });
      expect(statistics).toMatchObject({ consecutiveDrops: 0, totalDrops: 4, lastConsumedSeq: 5 });
      expect(Math.abs(subject.clock.nowMs() - (statistics.lastConsumedAtMs ?? 0))).toBeLessThan(PATIENCE_MS);
      balance('a');
    });

    test('a reader that waits gets the next frame, and never the same or an older one again', async () => {
      const reader = await subject.attach('a');
      for (let seq = 1; seq <= 20; seq += 1) {
        const waiting = reader.next(PATIENCE_MS);
        if (seq % 2 === 0) await sleep(systemClock, 2);
        await publish();
        expect(seqOf(await waiting)).toBe(seq);
        await reader.release();
      }
      expect(await reader.next(20)).toEqual({ timeout: true });
      balance('a');
    });

    test('a frame wakes every waiting reader', async () => {
      const readers = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => subject.attach(id)));
      for (let seq = 1; seq <= 10; seq += 1) {
        const waiting = readers.map((reader) => reader.next(PATIENCE_MS));
        await sleep(systemClock, 5);
        await publish();
        expect((await Promise.all(waiting)).map(seqOf)).toEqual(readers.map(() => seq));
        await Promise.all(readers.map((reader) => reader.release()));
      }
      for (const { id } of readers) balance(id);
    });

    test('giving up leaves the reader usable, and what it then gets is the newest', async () => {
      const reader = await subject.attach('a');
      expect(await reader.next(10)).toEqual({ timeout: true });
      await publish(3);
      expect(await read(reader)).toBe(3);
      expect(await reader.next(10)).toEqual({ timeout: true });
      await publish();
      expect(await read(reader)).toBe(4);
      balance('a');
    });

    test('one frame at a time; giving it back twice is refused', async () => {
      const reader = await subject.attach('a');
      await publish();
      expect(seqOf(await reader.next(PATIENCE_MS))).toBe(1);
      await publish();
      expect(await reader.next(PATIENCE_MS)).toMatchObject({ error: { code: 'lease_held' } });
      expect((await reader.release()).error).toBeUndefined();
      expect((await reader.release()).error?.code).toBe('lease_released');
      expect(await read(reader)).toBe(2);
      balance('a');
    });

    test('a blocked reader wakes with the end when the supplier stops, and stays ended', async () => {
      const readers = [await subject.attach('a'), await subject.attach('b')];
      const waiting = readers.map((reader) => reader.next());
      await sleep(systemClock, 20);
      subject.supplier.stop();
      expect(await Promise.all(waiting)).toEqual([{ end: 'stopped' }, { end: 'stopped' }]);
      expect(await readers[0]?.next()).toEqual({ end: 'stopped' });
      balance('a');
    });

    test('a blocked reader wakes with the end when it is unsubscribed; the others go on', async () => {
      const [a, b] = [await subject.attach('a'), await subject.attach('b')];
      const waiting = a.next();
      await sleep(systemClock, 20);
      subject.remove('a');
      expect(await waiting).toEqual({ end: 'stopped' });
      await publish();
      expect(await read(b)).toBe(1);
      balance('b');
    });

    test('ids are unique while subscribed, and free again afterwards; what was pending is `closed`', async () => {
      const reader = await subject.attach('a');
      await expect(subject.attach('a')).rejects.toMatchObject({ code: 'duplicate_consumer' });
      await publish();
      await reader.close();
      await until('the seat is free', () => subject.readers === 0);
      expect(subject.report('a').counters).toMatchObject({
        offered: 1,
        delivered: 0,
        pending: 0,
        dropped: { closed: 1 },
      });
      balance('a');
      const again = await subject.attach('a');
      await publish();
      expect(await read(again)).toBe(2);
    });

    test('a slow reader delays no other, and the frame it holds is not overwritten', async () => {
      const [slow, quick] = [await subject.attach('slow'), await subject.attach('quick')];
      await publish();
      expect(seqOf(await slow.next(PATIENCE_MS))).toBe(1);
      expect(await read(quick)).toBe(1);
      for (let seq = 2; seq <= 12; seq += 1) {
        await publish();
        expect(await read(quick)).toBe(seq);
      }
      await slow.release();
      expect(await read(slow)).toBe(12);
      // More frames were published than there are slots, and the one held by the slow reader was not overwritten.
      expect(subject.report('slow').results.ok).toBeGreaterThanOrEqual(1);
      expect(subject.report('slow').results.expired).toBe(0);
      expect(consumerOf(subject, 'slow').counters.dropped.overwritten).toBe(10);
      expect(consumerOf(subject, 'quick').counters.dropped.overwritten).toBe(0);
      balance('slow');
      balance('quick');
    });

    test('a gate lets through what is due by its rule, and counts the rest apart', async () => {
      const fps = 7;
      const [interval, source] = [1000 / fps, 1000 / 30];
      const reader = await subject.attach('a', { fps });
      let nextMs = Number.NEGATIVE_INFINITY;
      let got = 0;
      for (let i = 0; i < 60; i += 1) {
        // The clock jumps from frame to frame: 30 a second, each up to 3 ms early or late.
        subject.clock.shiftMs += source + ((i * 7) % 13) / 2 - 3;
        await publish();
        const { capturedMs } = frames.at(-1) as TestFrame;
        // The gate's rule, implemented a second time: S is the interval given to the supplier.
        const due = capturedMs + 33 / 2 >= nextMs;
        const answer = await reader.next(due ? PATIENCE_MS : 1);
        expect('frame' in answer).toBe(due);
        if (!due) continue;
        got += 1;
        nextMs = Math.max(nextMs + interval, capturedMs + interval - 33 / 2);
        await reader.release();
      }
      // Two seconds, and a little for the duration of the test itself.
      expect(got).toBeGreaterThanOrEqual(2 * fps - 1);
      expect(got).toBeLessThan(60);
      expect(consumerOf(subject, 'a').counters).toMatchObject({
        delivered: got,
        dropped: { overwritten: 0, stale: 0 },
      });
      expect(consumerOf(subject, 'a').statistics.totalDrops).toBe(0);
      balance('a');
    });

    test('a consumer that leaves a due frame unread for 30 s is idle', async () => {
      await subject.attach('a');
      await publish();
      expect(consumerOf(subject, 'a').statistics.isIdle).toBe(false);
      subject.clock.shiftMs += 30_000;
      expect(consumerOf(subject, 'a').statistics.isIdle).toBe(true);
    });

    test.runIf(remote)('a picture of another size comes through a segment of its own', async () => {
      const reader = await subject.attach('a');
      for (const side of [64, 64, 96, 32, 96]) {
        await publish(1, side);
        const answer = await reader.next(PATIENCE_MS);
        expect(answer).toMatchObject({ frame: { width: side, byte_length: side * side } });
        await reader.release();
      }
      balance('a');
    });

    test('any order of publishing, reading, giving up and leaving keeps order and counts', async () => {
      const who = fc.nat(2);
      const step = fc.oneof(
        { weight: 5, arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 3 }) }) },
        { weight: 5, arbitrary: fc.record({ read: who }) },
        { weight: 2, arbitrary: fc.record({ hold: who }) },
        { weight: 1, arbitrary: fc.record({ giveUp: who }) },
      );
      const readers = [await subject.attach('a'), await subject.attach('b'), await subject.attach('c')];
      const last = readers.map(() => 0);
      const held = new Set<ReaderUnderTest>();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
          for (const s of steps) {
            if ('publish' in s) {
              await publish(s.publish);
              continue;
            }
            const [kind, index] = Object.entries(s)[0] as [string, number];
            const reader = readers[index] as ReaderUnderTest;
            if (held.delete(reader)) await reader.release();
            const due = consumerOf(subject, reader.id).counters.pending === 1;
            const answer = await reader.next(due && kind !== 'giveUp' ? PATIENCE_MS : 1);
            if (!('frame' in answer)) {
              expect(answer).toEqual({ timeout: true });
              expect(due && kind !== 'giveUp').toBe(false);
              continue;
            }
            expect(answer.frame.seq).toBeGreaterThan(last[index] ?? 0);
            if (due) expect(answer.frame.seq).toBe(frames.length);
            last[index] = answer.frame.seq;
            if (kind === 'hold') held.add(reader);
            else await reader.release();
          }
          for (const { id } of readers) balance(id);
        }),
        { numRuns: runs },
      );
      for (const reader of held) await reader.release();
    });
  });
}
