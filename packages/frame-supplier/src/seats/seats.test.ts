import { FakeClock } from '@vigia/base';
import { READER_PAGE_BYTES, seatTableBytes, segmentBytes } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Lease, SuppliedFrame } from '#contract';
import { FrameSupplier } from '#loop';
import { FrameSegmentReader, FrameSegmentWriter, type FrameShape, type SegmentMemory, threadMemory } from '#segment';
import { FrameRing } from './frame-ring.ts';
import { ReaderPage, ReaderPageView } from './reader-page.ts';
import type { Seat, SeatReport } from './seat.ts';
import { SeatReader } from './seat-reader.ts';
import { SeatTableWriter, SeatView } from './seat-table.ts';
import type { SharedFrame } from './shared-frame.ts';

/** Both ends of a ring in one thread, so that a test decides what happens when, down to a single load or store. */

const INTERVAL_MS = 33;

class TestFrame implements SuppliedFrame {
  seq = 0;
  references = 1;
  readonly capturedMs: number;
  /** Bytes per side: another size makes another segment. */
  readonly side: number;

  constructor(capturedMs: number, side: number) {
    this.capturedMs = capturedMs;
    this.side = side;
  }

  retain(): void {
    this.references += 1;
  }

  release(): void {
    if (this.references <= 0) throw new Error('released twice');
    this.references -= 1;
  }
}

function shapeOf(side: number): FrameShape {
  return { width: side, height: side, format: 'GRAY8', planes: [{ offset: 0, stride: side }], byteLength: side * side };
}

const memory = (bytes: number, name: string): SegmentMemory => threadMemory(new SharedArrayBuffer(bytes), name);

/** Runs something before every member of `target` that is looked at: the other side gets in between any two steps. */
function interrupted<T extends object>(target: T, between: () => void): T {
  return new Proxy(target, {
    get(object, key) {
      between();
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === 'function' ? (value as (...a: unknown[]) => unknown).bind(object) : value;
    },
  });
}

type Side = 'supplier' | 'reader';

interface ReaderRig {
  readonly id: string;
  readonly reader: SeatReader;
  readonly seat: Seat<TestFrame>;
  /** The supplier rang; the reader did not hear it yet. */
  bell: boolean;
  /** The reader rang; the supplier did not hear it yet. */
  told: boolean;
  waiting: boolean;
  held?: Lease<SharedFrame>;
  lastSeq: number;
  end: boolean;
}

/** A supplier with readers whose doorbells are delivered when the test says so. */
class Rig {
  readonly clock = new FakeClock();
  readonly supplier = new FrameSupplier<TestFrame>({ clock: this.clock, sourceIntervalMs: () => INTERVAL_MS });
  readonly frames: TestFrame[] = [];
  readonly errors: unknown[] = [];
  readonly ended = new Map<string, SeatReport>();
  readonly #segments = new Map<number, SegmentMemory>();
  readonly #tableMemory = memory(seatTableBytes(4), 'table');
  readonly table = new SeatTableWriter(this.#tableMemory, 4, this.clock);
  readonly ring: FrameRing<TestFrame>;
  renders = 0;
  /** Whose seat or page was looked at last. */
  #looking: ReaderRig | undefined;
  /** Run before each access to shared words: `side` is in the middle of something, and the other one may move. */
  between: (rig: ReaderRig, side: Side) => void = () => undefined;

  constructor(readDeadlineMs = 1_000) {
    this.supplier.start();
    this.ring = new FrameRing<TestFrame>({
      supplier: this.supplier,
      clock: this.clock,
      table: interrupted(this.table, () => {
        if (this.#looking) this.between(this.#looking, 'supplier');
      }),
      readDeadlineMs,
      rendition: {
        shape: shapeOf(8),
        shapeOf: (frame) => shapeOf(frame.side),
        render: (frame, pixels) => {
          this.renders += 1;
          pixels.fill(frame.seq & 255);
        },
      },
      makeSegment: (slots, slotBytes) => {
        const segment = memory(segmentBytes(slots, slotBytes), 'segment');
        const writer = FrameSegmentWriter.over(segment, { path: 'segment', slots, slotBytes, clock: this.clock });
        this.#segments.set(Number(writer.epoch), segment);
        return writer;
      },
      onError: (error) => this.errors.push(error),
      onReaderEnd: (id, report) => this.ended.set(id, report),
    });
  }

  attach(id: string, fps?: number): ReaderRig {
    const page = memory(READER_PAGE_BYTES, 'page');
    const pageEnd = new ReaderPage(page, this.clock);
    const rig: { -readonly [K in keyof ReaderRig]?: ReaderRig[K] } = { id, bell: false, told: false, waiting: false };
    const between = (side: Side) => (): void => {
      this.#looking = rig.reader && (rig as ReaderRig);
      if (this.#looking) this.between(this.#looking, side);
    };
    const pageView = interrupted(new ReaderPageView(page), between('supplier'));
    const seat = this.ring.seat(id, fps === undefined ? {} : { fps }, pageView, {
      wake: () => (rig.bell = true),
    });
    rig.seat = seat;
    rig.lastSeq = 0;
    rig.end = false;
    rig.reader = new SeatReader({
      id,
      view: interrupted(new SeatView(this.#tableMemory, seat.index, this.table.epoch), between('reader')),
      page: interrupted(pageEnd, between('reader')),
      clock: this.clock,
      lostMs: 2_000,
      openSegment: (epoch) => {
        const found = this.#segments.get(epoch);
        return found && FrameSegmentReader.over(found);
      },
      tell: () => (rig.told = true),
      waitSync: () => undefined,
      isSupplierGone: () => false,
      watch: () => undefined,
      onEnd: () => undefined,
    });
    return rig as ReaderRig;
  }

  publish(side = 8): void {
    const frame = new TestFrame(this.clock.nowMs(), side);
    this.frames.push(frame);
    this.supplier.publish(frame);
  }

  /** Published and distributed before it returns: what another thread's supplier may do between two steps of a reader. */
  publishAtOnce(): void {
    // The supplier distributes in a reaction of a promise: here it does so at once.
    const spy = vi.spyOn(Promise.prototype, 'then').mockImplementation(((react: () => void) => react()) as never);
    this.publish();
    spy.mockRestore();
  }

  /** Asks for a frame; what comes is checked and held. */
  ask(rig: ReaderRig, signal?: AbortSignal): void {
    if (rig.waiting || rig.held || rig.end) return;
    rig.waiting = true;
    rig.reader.next(signal).then(
      (lease) => {
        rig.waiting = false;
        if (!lease) {
          rig.end = true;
          return;
        }
        rig.held = lease;
        expect(lease.frame.seq).toBeGreaterThan(rig.lastSeq);
        rig.lastSeq = lease.frame.seq;
        expect(this.clock.nowMs() - lease.frame.capturedMs).toBeLessThanOrEqual(1_000);
        checkPixels(lease.frame);
      },
      () => (rig.waiting = false),
    );
  }

  hear(rig: ReaderRig): void {
    if (rig.bell) {
      rig.bell = false;
      rig.reader.wake();
    }
    if (rig.told) {
      rig.told = false;
      rig.seat.evaluate();
    }
  }

  balance(rig: ReaderRig): void {
    const { counters, results, inFlight } = this.ended.get(rig.id) ?? rig.seat.report();
    const { gated, overwritten, stale, closed } = counters.dropped;
    expect(counters.offered).toBe(counters.delivered + gated + overwritten + stale + closed + counters.pending);
    const { ok, expired, timeout, unavailable, error } = results;
    expect(counters.delivered).toBe(ok + expired + timeout + unavailable + error + inFlight);
  }
}

/** What is whole must be one frame's pixels. */
function checkPixels(frame: SharedFrame): void {
  const seen = new Set(frame.pixels);
  if (frame.whole()) expect([...seen]).toEqual([frame.seq & 255]);
}

function giveBack(reader: ReaderRig): void {
  if (reader.held) checkPixels(reader.held.frame);
  reader.held?.release();
  delete reader.held;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settle(rig: Rig, readers: readonly ReaderRig[]): Promise<void> {
  for (let i = 0; i < 8; i += 1) {
    await turn();
    for (const reader of readers) rig.hear(reader);
  }
}

/** When everything that was rung was heard, nobody may wait for a frame while a frame that is due waits for them. */
function noLostWakeUp(rig: Rig, readers: readonly ReaderRig[]): void {
  if (rig.clock.nowMs() - (rig.frames.at(-1)?.capturedMs ?? 0) > 1_000) return;
  for (const { id, end, waiting, seat } of readers)
    if (!end && waiting && id !== 'gated') expect(seat.report().counters.pending).toBe(0);
}

describe('a seat', () => {
  test('renders once for all readers that take the same frame, and nothing for nobody', async () => {
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

type Step =
  | 'publish'
  | 'turn'
  | 'quiet'
  | { ask: number }
  | { hear: number }
  | { release: number }
  | { giveUp: number }
  | { leave: number }
  | { resize: number }
  | { wait: number };

/** A reader gave back and asked again between two looks of its seat, which then forgot what had been in flight. */
const GIVEN_BACK_BETWEEN_TWO_LOOKS: [Step[], number[]] = [
  [{ ask: 0 }, { giveUp: 0 }, 'publish', { ask: 1 }, { leave: 1 }, { resize: 4 }],
  [18, 9, 13, 0],
];

describe('over any interleaving', () => {
  const index = fc.nat(2);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('publish' as const, 'turn' as const, 'quiet' as const) },
    { weight: 4, arbitrary: fc.record({ ask: index }) },
    { weight: 4, arbitrary: fc.record({ hear: index }) },
    { weight: 4, arbitrary: fc.record({ release: index }) },
    { weight: 1, arbitrary: fc.record({ giveUp: index }) },
    { weight: 1, arbitrary: fc.record({ leave: index }) },
    { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: 4, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 1_500 }) }) },
  );
  /** How many accesses pass until the other side gets in between, again and again. */
  const gaps = fc.array(fc.nat(25), { maxLength: 40 });

  test('order, whole frames, conservation, references hold; nobody waits beside a frame that is due', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array<Step>(step, { maxLength: 60 }), gaps, async (steps, between) => {
        const rig = new Rig(400);
        const readers = [rig.attach('a'), rig.attach('gated', 5), rig.attach('c')];
        const aborts = new Map<ReaderRig, AbortController>();
        // The other side's move: a frame is published and distributed in the middle of somebody's protocol step.
        const left = [...between];
        let inside = false;
        rig.between = (reader, side) => {
          const gap = left[0];
          if (gap === undefined || inside) return;
          if (gap > 0) {
            left[0] = gap - 1;
            return;
          }
          left.shift();
          inside = true;
          const odd = left.length % 2 === 1;
          if (side === 'reader' && odd) reader.seat.evaluate();
          else if (side === 'reader') rig.publishAtOnce();
          else if (reader.held && odd) giveBack(reader);
          else rig.ask(reader);
          inside = false;
        };
        for (const s of steps) {
          if (s === 'publish') rig.publish();
          else if (s === 'turn') await turn();
          else if (s === 'quiet') {
            await settle(rig, readers);
            noLostWakeUp(rig, readers);
          } else if ('ask' in s) {
            const reader = readers[s.ask] as ReaderRig;
            const abort = new AbortController();
            aborts.set(reader, abort);
            rig.ask(reader, abort.signal);
          } else if ('hear' in s) rig.hear(readers[s.hear] as ReaderRig);
          else if ('release' in s) {
            giveBack(readers[s.release] as ReaderRig);
          } else if ('giveUp' in s) aborts.get(readers[s.giveUp] as ReaderRig)?.abort();
          else if ('leave' in s) {
            const reader = readers[s.leave] as ReaderRig;
            reader.held?.[Symbol.dispose]();
            delete reader.held;
            reader.reader.finish('closed');
            reader.end = true;
            reader.seat.readerGone();
          } else if ('resize' in s) rig.publish(s.resize);
          else rig.clock.advance(s.wait);
          await Promise.resolve();
          for (const reader of readers) rig.balance(reader);
        }
        rig.between = () => undefined;
        // Everything that was rung is heard now: who still waits must have nothing due waiting for it.
        for (let round = 0; round < 3; round += 1) {
          for (const reader of readers) {
            reader.held?.[Symbol.dispose]();
            delete reader.held;
            rig.ask(reader);
          }
          await settle(rig, readers);
        }
        for (const reader of readers) expect(reader.held).toBeUndefined();
        noLostWakeUp(rig, readers);
        rig.clock.advance(300);
        rig.publish();
        await settle(rig, readers);
        for (const reader of readers) {
          if (reader.end) continue;
          expect(reader.held?.frame.seq).toBe(rig.frames.length);
        }
        rig.supplier.stop();
        await settle(rig, readers);
        for (const reader of readers) rig.balance(reader);
        expect(rig.frames.filter((f) => f.references !== 0)).toEqual([]);
        rig.ring.close();
      }),
      { numRuns: 2_000, examples: [GIVEN_BACK_BETWEEN_TWO_LOOKS] },
    );
  });
});
