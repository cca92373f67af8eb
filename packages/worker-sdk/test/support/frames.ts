import { systemClock } from '@vigia/base';
import { type PixelFormat, packedBytes, packedStrides } from '@vigia/contracts';
import { FrameSegmentWriter, packedShape } from '@vigia/frame-supplier';

/** Geometry of a test picture. */
export interface TestPicture {
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
}

/** A frame as it is sent. */
export type FrameMessage = Readonly<Record<string, unknown>> & { readonly seq: number };

function fields(seq: number, picture: TestPicture): FrameMessage {
  return {
    type: 'frame',
    camera_id: 'hall',
    seq,
    captured_at: '2026-01-01T00:00:00.123Z',
    captured_monotonic_ns: String(Math.round(systemClock.nowMs() * 1e6)),
    age_ms: 0.5,
    // Within the exact range of a number, for any `seq`.
    pts_us: 40_000 * (seq % 1_000_000),
    ...picture,
  };
}

/** A frame with its pixels: the given ones, or one value throughout. */
export function dataFrame(seq: number, picture: TestPicture, pixels: number | Uint8Array): FrameMessage {
  const { format, width, height } = picture;
  const data = typeof pixels === 'number' ? Buffer.alloc(packedBytes(format, width, height), pixels) : pixels;
  return { ...fields(seq, picture), data };
}

/** A segment of four slots, the frame `seq` in slot `seq % 4`. */
export class TestSegment {
  readonly writer: FrameSegmentWriter;
  readonly #picture: TestPicture;

  /** @param picture The usual one, which is the largest. */
  constructor(path: string, picture: TestPicture) {
    this.#picture = picture;
    const slotBytes = packedBytes(picture.format, picture.width, picture.height);
    this.writer = FrameSegmentWriter.create({ path, slots: 4, slotBytes, clock: systemClock });
  }

  /**
   * Writes a picture into its slot: the given pixels, or one value throughout. @returns the frame that refers to it.
   */
  frame(seq: number, pixels: number | Uint8Array, picture: TestPicture = this.#picture): FrameMessage {
    const { writer } = this;
    const { format, width, height } = picture;
    const slot = this.slotOf(seq);
    const shape = packedShape(format, width, height);
    writer.begin(slot);
    writer.view(slot).fill(pixels, 0, shape.byteLength);
    const generation = writer.commit(slot, { frameId: seq, capturedMs: 1, capturedWallMs: 1, ptsUs: 0, shape });
    const ref = {
      path: writer.path,
      epoch: String(writer.epoch),
      slot,
      generation: String(generation),
      offset: writer.offsetOf(slot),
      byte_length: shape.byteLength,
      strides: packedStrides(format, width),
    };
    return { ...fields(seq, picture), ref };
  }

  /** Where frame `seq` is, or will be. */
  slotOf(seq: number): number {
    return seq % this.writer.slots;
  }
}
