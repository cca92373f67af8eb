// Both ends of a frame ring in one thread, so that a test decides the order of events down to a single load or store.
import { FakeClock } from '@vigia/base';
import { READER_PAGE_BYTES, seatTableBytes, segmentBytes } from '@vigia/contracts';
import { expect, vi } from 'vitest';
import type { Lease, SuppliedFrame } from '#contract';
import { FrameSupplier } from '#loop';
import { FrameSegmentReader, FrameSegmentWriter, type FrameShape, type SegmentMemory, threadMemory } from '#segment';
import { FrameRing } from '../../src/seats/frame-ring.ts';
import { ReaderPage, ReaderPageView } from '../../src/seats/reader-page.ts';
import type { Seat, SeatReport } from '../../src/seats/seat.ts';
import { SeatReader } from '../../src/seats/seat-reader.ts';
import { SeatTableWriter, SeatView } from '../../src/seats/seat-table.ts';
import type { SharedFrame } from '../../src/seats/shared-frame.ts';

/** Milliseconds between frames of the source. */
export const INTERVAL_MS = 33;

class TestFrame implements SuppliedFrame {
  seq = 0;
  references = 1;
  readonly capturedMs: number;
  /** Bytes per side: another size creates another segment. */
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

export const memory = (bytes: number, name: string): SegmentMemory => threadMemory(new SharedArrayBuffer(bytes), name);

/** Calls `between` before every access to a member of `target`: the other side acts between any two steps. */
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

/** A reader's page that knows when its reader took a frame. */
class TakenAt extends ReaderPage {
  readonly #clock: FakeClock;
  /** Of the newest frame. */
  takenMs = 0;

  constructor(page: SegmentMemory, clock: FakeClock) {
    super(page, clock);
    this.#clock = clock;
  }

  override took(seq: number): void {
    this.takenMs = this.#clock.nowMs();
    super.took(seq);
  }
}

export interface ReaderRig {
  readonly id: string;
  readonly reader: SeatReader;
  readonly seat: Seat<TestFrame>;
  readonly page: TakenAt;
  /** The supplier rang; the reader has not noticed yet. */
  bell: boolean;
  /** The reader rang; the supplier has not noticed yet. */
  told: boolean;
  waiting: boolean;
  held?: Lease<SharedFrame>;
  lastSeq: number;
  end: boolean;
}

/** A supplier with readers whose doorbells are delivered by the test. */
export class Rig {
  readonly clock = new FakeClock();
  readonly supplier = new FrameSupplier<TestFrame>({ clock: this.clock, sourceIntervalMs: () => INTERVAL_MS });
  readonly frames: TestFrame[] = [];
  readonly errors: unknown[] = [];
  /** The first thing that a reader got and should not have got: thrown by the next {@link balance}. */
  #wrong: unknown;
  readonly ended = new Map<string, SeatReport>();
  readonly #segments = new Map<number, SegmentMemory>();
  readonly #tableMemory = memory(seatTableBytes(4), 'table');
  readonly table = new SeatTableWriter(this.#tableMemory, 4, this.clock);
  readonly ring: FrameRing<TestFrame>;
  renders = 0;
  /** The reader whose seat or page was accessed last. */
  #looking: ReaderRig | undefined;
  /** Called before each access to shared words: `side` is in the middle of a step, and the other one may act. */
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
    const pageEnd = new TakenAt(page, this.clock);
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
    rig.page = pageEnd;
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

  /**
   * Publishes and distributes before it returns: what another thread's supplier may do between two steps of a reader.
   */
  publishAtOnce(): void {
    // The supplier distributes in a promise reaction: here it runs at once.
    const spy = vi.spyOn(Promise.prototype, 'then').mockImplementation(((react: () => void) => react()) as never);
    this.publish();
    spy.mockRestore();
  }

  /** Requests a frame; checks and holds it when it arrives. */
  ask(rig: ReaderRig, signal?: AbortSignal): void {
    if (rig.waiting || rig.held || rig.end) return;
    const { page } = rig;
    rig.waiting = true;
    rig.reader
      .next(signal)
      .then(
        (lease) => {
          rig.waiting = false;
          if (!lease) {
            rig.end = true;
            return;
          }
          rig.held = lease;
          expect(lease.frame.seq).toBeGreaterThan(rig.lastSeq);
          rig.lastSeq = lease.frame.seq;
          // When it took the frame, not now: the test's clock may have gone on before this reaction runs.
          expect(page.takenMs - lease.frame.capturedMs).toBeLessThanOrEqual(1_000);
          checkPixels(lease.frame);
        },
        () => (rig.waiting = false),
      )
      .catch((error: unknown) => (this.#wrong ??= error));
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
    if (this.#wrong !== undefined) throw this.#wrong;
    const { counters, results, inFlight } = this.ended.get(rig.id) ?? rig.seat.report();
    const { gated, overwritten, stale, closed } = counters.dropped;
    expect(counters.offered).toBe(counters.delivered + gated + overwritten + stale + closed + counters.pending);
    const { ok, expired, timeout, unavailable, error } = results;
    expect(counters.delivered).toBe(ok + expired + timeout + unavailable + error + inFlight);
  }
}

/** A frame that is whole must contain one frame's pixels. */
function checkPixels(frame: SharedFrame): void {
  const seen = new Set(frame.pixels);
  if (frame.whole()) expect([...seen]).toEqual([frame.seq & 255]);
}

export function giveBack(reader: ReaderRig): void {
  if (reader.held) checkPixels(reader.held.frame);
  reader.held?.release();
  delete reader.held;
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function settle(rig: Rig, readers: readonly ReaderRig[]): Promise<void> {
  for (let i = 0; i < 8; i += 1) {
    await turn();
    for (const reader of readers) rig.hear(reader);
  }
}

/** Once all bells have been heard, no reader may wait for a frame while a due frame waits for it. */
export function noLostWakeUp(rig: Rig, readers: readonly ReaderRig[]): void {
  if (rig.clock.nowMs() - (rig.frames.at(-1)?.capturedMs ?? 0) > 1_000) return;
  for (const { id, end, waiting, seat } of readers)
    if (!end && waiting && id !== 'gated') expect(seat.report().counters.pending).toBe(0);
}
