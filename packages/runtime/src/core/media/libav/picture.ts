import type { SuppliedFrame } from '@vigia/frame-supplier';
import type { Frame } from 'node-av/lib';

/** The time stamps of a picture. All milliseconds are monotonic. */
export interface PictureStamps {
  /** When the scene was captured, as far as that is known: arrival minus lateness. */
  readonly capturedMs: number;
  /** The same moment as wall time, milliseconds since 1970. */
  readonly capturedWallMs: number;
  /** How much earlier it may have been: 0 when that is known, infinite when nobody knows. */
  readonly hiddenMs: number;
  /** When its access unit was complete. */
  readonly arrivedMs: number;
  /** When the decoder returned it. */
  readonly decodedMs: number;
  /** Microseconds of the stream's own clock. */
  readonly ptsUs: number;
}

/**
 * A decoded picture in native memory outside the JavaScript heap. It holds one native reference; the number of its
 * holders, such as mailboxes, is counted here.
 */
export class Picture implements SuppliedFrame {
  seq = 0;
  readonly capturedMs: number;
  readonly stamps: PictureStamps;
  readonly width: number;
  readonly height: number;
  readonly #frame: Frame;
  readonly #onFree: (frame: Frame) => void;
  #references = 1;

  /** The caller owns one reference. `onFree` gets the frame back when the last one is released. */
  constructor(frame: Frame, stamps: PictureStamps, onFree: (frame: Frame) => void) {
    this.#frame = frame;
    this.#onFree = onFree;
    this.stamps = stamps;
    this.capturedMs = stamps.capturedMs;
    this.width = frame.width;
    this.height = frame.height;
  }

  /**
   * The native frame, for reading. The caller must hold a reference. Throws after the last release, because the planes
   * are freed then.
   */
  get frame(): Frame {
    if (this.#references <= 0) throw new RangeError(`picture ${this.seq} was used after its last release`);
    return this.#frame;
  }

  retain(): void {
    if (this.#references <= 0) throw new RangeError(`picture ${this.seq} was retained after its last release`);
    this.#references += 1;
  }

  release(): void {
    if (this.#references <= 0) throw new RangeError(`picture ${this.seq} was released twice`);
    this.#references -= 1;
    if (this.#references === 0) this.#onFree(this.#frame);
  }
}
