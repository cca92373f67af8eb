import { VigiaError } from '@vigia/base';
import type { PixelFormat } from '@vigia/contracts';
import type { FrameSegmentReader, FrameShape, FrameView } from '#segment';

/**
 * A frame in memory that its supplier owns: lent, read-only, never copied. The supplier does not rewrite it while it is
 * held, except after the read deadline; `whole` reports that.
 */
export class SharedFrame {
  readonly #view: FrameView;
  readonly #segment: FrameSegmentReader;
  readonly #slot: number;
  readonly #generation: number;
  #released = false;

  constructor(view: FrameView, segment: FrameSegmentReader, slot: number, generation: number) {
    this.#view = view;
    this.#segment = segment;
    this.#slot = slot;
    this.#generation = generation;
  }

  /** Publish sequence, from 1. */
  get seq(): number {
    return this.#view.frameId;
  }

  /** When the scene was captured: monotonic milliseconds, one clock for all processes of the machine. */
  get capturedMs(): number {
    return this.#view.capturedMs;
  }

  /** The same moment in milliseconds since 1970 (UTC); 0 when the supplier does not know it. */
  get capturedWallMs(): number {
    return this.#view.capturedWallMs;
  }

  /** Microseconds of the stream's own clock; 0 when the supplier does not know them. */
  get ptsUs(): number {
    return this.#view.ptsUs;
  }

  /** Pixels. */
  get width(): number {
    return this.#view.shape.width;
  }

  /** Pixels. */
  get height(): number {
    return this.#view.shape.height;
  }

  get format(): PixelFormat {
    return this.#view.shape.format;
  }

  /** Offset in `pixels` and bytes per line of each plane. */
  get planes(): FrameShape['planes'] {
    return this.#view.shape.planes;
  }

  /** Bytes of pixels. */
  get byteLength(): number {
    return this.#view.shape.byteLength;
  }

  /**
   * The pixels themselves. Check `whole` after using them. Do not write to them: in another process that kills the
   * writing process.
   *
   * @throws VigiaError `lease_released` after the frame was given back.
   */
  get pixels(): Buffer {
    this.#check();
    return this.#view.pixels;
  }

  /**
   * Whether everything read from `pixels` so far belongs to this frame. False only when it was held for longer than the
   * read deadline; results computed from it are worthless then.
   *
   * @throws VigiaError `lease_released`.
   */
  whole(): boolean {
    this.#check();
    return this.#segment.holds(this.#slot, this.#generation);
  }

  /**
   * Copies the pixels. Returns false when they no longer belong to this frame; the content of `into` is worthless then.
   *
   * @param into At least `byteLength` long.
   * @throws VigiaError `lease_released`, `frame_too_large`.
   */
  copyTo(into: Uint8Array): boolean {
    this.#check();
    if (into.byteLength < this.byteLength)
      throw new VigiaError('frame_too_large', `${this.byteLength} bytes of pixels do not fit into ${into.byteLength}`);
    into.set(this.#view.pixels);
    return this.whole();
  }

  /** Called by the reader when the frame is given back: whether it was whole to the end. */
  giveBack(): boolean {
    this.#released = true;
    return this.#segment.holds(this.#slot, this.#generation);
  }

  #check(): void {
    if (this.#released) throw new VigiaError('lease_released', `frame ${this.seq} was used after it was released`);
  }
}
