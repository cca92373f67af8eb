import { type Clock, systemClock } from '@vigia/base';
import type * as Package from '@vigia/frame-supplier';
import type {
  ConsumerStatistics,
  FrameShape,
  FrameSupplier,
  MailboxCounters,
  ReaderEnd,
  Rendition,
  SeatReport,
  SuppliedFrame,
} from '@vigia/frame-supplier';

/** The package under test: the built one, or a copy with a seeded bug (seeded-bugs.test.ts). */
export const supplierPackage = (await import(
  process.env['VIGIA_FRAME_SUPPLIER'] ?? '@vigia/frame-supplier'
)) as typeof Package;

/** The machine's clock; a test may put it forward for the supplier alone. */
export class ShiftedClock implements Clock {
  shiftMs = 0;
  nowMs(): number {
    return systemClock.nowMs() + this.shiftMs;
  }
  wallMs(): number {
    return systemClock.wallMs() + this.shiftMs;
  }
  after(ms: number, fn: () => void, options?: { readonly unref?: boolean }): { cancel(): void } {
    return systemClock.after(ms, fn, options);
  }
}

/** A picture in one grey value: its sequence number. Counts its references. */
export class TestFrame implements SuppliedFrame {
  seq = 0;
  references = 1;
  readonly capturedMs: number;
  /** Pixels per side. */
  readonly side: number;

  constructor(capturedMs: number, side: number) {
    this.capturedMs = capturedMs;
    this.side = side;
  }

  retain(): void {
    if (this.references <= 0) throw new Error(`frame ${this.seq} was retained after its last release`);
    this.references += 1;
  }

  release(): void {
    if (this.references <= 0) throw new Error(`frame ${this.seq} was released twice`);
    this.references -= 1;
  }
}

const shapeOf = (side: number): FrameShape => ({
  width: side,
  height: side,
  format: 'GRAY8',
  planes: [{ offset: 0, stride: side }],
  byteLength: side * side,
});

/** How a test frame gets into shared memory. */
export function rendition(): Rendition<TestFrame> {
  return {
    shape: shapeOf(64),
    shapeOf: (frame) => shapeOf(frame.side),
    render: (frame, pixels) => pixels.fill(frame.seq & 255, 0, frame.side * frame.side),
  };
}

/** A reader's answer to a request for a frame. */
export type NextAnswer =
  | {
      readonly frame: {
        readonly seq: number;
        readonly captured_ms: number;
        readonly width?: number;
        readonly sum?: number;
      };
    }
  | { readonly end: ReaderEnd }
  | { readonly timeout: true }
  | { readonly error: { readonly code: string; readonly message: string } };

/** A reader over any transport, controlled by the test. */
export interface ReaderUnderTest {
  readonly id: string;
  /** Waits for a frame, which is then held, for at most `timeoutMs`. */
  next(timeoutMs?: number): Promise<NextAnswer>;
  /** Gives the frame back; a second call must be refused. */
  release(): Promise<{ readonly error?: { readonly code: string } }>;
  /** Closes the reader. */
  close(): Promise<void>;
}

/** One transport, with a supplier to read from. */
export interface SubjectUnderTest {
  readonly supplier: FrameSupplier<TestFrame>;
  readonly clock: ShiftedClock;
  /** Rejects with an error that has a code. */
  attach(id: string, options?: { readonly fps?: number }): Promise<ReaderUnderTest>;
  /** Unsubscribes a reader from the supplier's side. */
  remove(id: string): void;
  /** The supplier's counts of a reader, also after it has left. */
  report(id: string): SeatReport;
  /** Readers that the supplier knows. */
  readonly readers: number;
  close(): Promise<void>;
}

/** Opens a transport. */
export type OpenSubject = () => Promise<SubjectUnderTest>;

/** Creates a supplier and what every transport needs of it. */
export function newSupplier(): { supplier: FrameSupplier<TestFrame>; clock: ShiftedClock } {
  const clock = new ShiftedClock();
  const supplier = new supplierPackage.FrameSupplier<TestFrame>({ clock, sourceIntervalMs: () => 33 });
  supplier.start();
  return { supplier, clock };
}

/** Counters and statistics of a current consumer. */
export function consumerOf(
  subject: SubjectUnderTest,
  id: string,
): { readonly counters: MailboxCounters; readonly statistics: ConsumerStatistics } {
  const consumer = subject.supplier.statistics().consumers.get(id);
  if (!consumer) throw new Error(`${id} is not subscribed`);
  return consumer;
}
