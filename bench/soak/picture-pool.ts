import { systemClock } from '@vigia/base';
import { allocateNv12, type NativeFrame, Picture } from '../support/runtime-internals.ts';

/** Statistics of the native memory. */
export interface PoolCounts {
  /** Native frames with a buffer of their own. */
  allocated: number;
  freed: number;
  /** Handed out and not returned, now and at most. */
  inUse: number;
  mostInUse: number;
}

/** Neighbours look different. */
const GREY_STEP = 37;
const DARKEST = 40;
const GREYS = 180;

/**
 * Real pictures of libav in NV12: native memory, reused when the last consumer has released one. Painted once, each in
 * its own grey.
 */
export class PicturePool {
  readonly counts: PoolCounts = { allocated: 0, freed: 0, inUse: 0, mostInUse: 0 };
  readonly #width: number;
  readonly #height: number;
  readonly #onAllocate: (frame: NativeFrame) => void;
  /** The one free for longest is used first, so that all take turns. */
  readonly #free: NativeFrame[] = [];

  /**
   * @param pictures How many are created at first; more, if those are not enough.
   * @param onAllocate Called with each new native frame, already painted.
   */
  constructor(width: number, height: number, pictures: number, onAllocate: (frame: NativeFrame) => void) {
    this.#width = width;
    this.#height = height;
    this.#onAllocate = onAllocate;
    for (let i = 0; i < pictures; i += 1) this.#free.push(this.#allocate());
  }

  /** Bytes of pixels of one picture. */
  get pictureBytes(): number {
    return (this.#width * this.#height * 3) / 2;
  }

  /** A picture with one reference, captured now. `number` is written into its native frame. */
  take(number: number): Picture {
    const frame = this.#free.shift() ?? this.#allocate();
    frame.pts = BigInt(number);
    this.counts.inUse += 1;
    this.counts.mostInUse = Math.max(this.counts.mostInUse, this.counts.inUse);
    return pictureOf(frame, this.#onFree);
  }

  /** Frees idle pictures. Others are freed when they come back: never, if the counts are wrong. */
  close(): void {
    for (const frame of this.#free.splice(0)) {
      frame.free();
      this.counts.freed += 1;
    }
  }

  readonly #onFree = (frame: NativeFrame): void => {
    this.counts.inUse -= 1;
    this.#free.push(frame);
  };

  #allocate(): NativeFrame {
    const frame = allocateNv12(this.#width, this.#height);
    const [luma, chroma] = frame.data ?? [];
    luma?.fill(DARKEST + ((this.counts.allocated * GREY_STEP) % GREYS));
    chroma?.fill(128);
    this.counts.allocated += 1;
    this.#onAllocate(frame);
    return frame;
  }
}

/** The runtime's own class around a native frame. */
export function pictureOf(frame: NativeFrame, onFree: (frame: NativeFrame) => void = () => undefined): Picture {
  const nowMs = systemClock.nowMs();
  const stamps = {
    capturedMs: nowMs,
    capturedWallMs: systemClock.wallMs(),
    hiddenMs: 0,
    arrivedMs: nowMs,
    decodedMs: nowMs,
    ptsUs: 0,
  };
  return new Picture(frame, stamps, onFree);
}
