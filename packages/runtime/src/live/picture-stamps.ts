import type { TappedVideo } from '#core/encoded';

/** Units of an RTP stamp in a millisecond: 90 kHz (RFC 6184). */
const RTP_PER_MS = 90;
/** Between the stamps of pictures that are only decoded. */
const SQUEEZED = RTP_PER_MS;

/** The newest picture of a camera when a viewer came. */
export interface NewestPicture {
  /** See {@link TappedPicture}. */
  readonly index: number;
  readonly ptsMs: number;
  /** Monotonic milliseconds. */
  readonly capturedMs: number;
}

/** A picture of a tap. `index` counts the pictures of the camera. */
export interface TappedPicture extends Pick<TappedVideo, 'ptsMs' | 'arrivedMs' | 'latenessMs'> {
  readonly index: number;
}

/**
 * RTP stamps of one viewer's pictures. A new viewer gets the kept group of pictures, which must be decoded but not be taken for
 * live: those up to the newest one when they came get stamps 1 ms apart, ending at `origin`, and are sent at once. From there
 * on stamps follow the camera's clock.
 */
export class PictureStamps {
  readonly origin: number;
  readonly #newest: NewestPicture;
  /** The picture from which stamps are counted in the present connection of the camera. */
  #base: { readonly stamp: number; readonly ptsMs: number };
  #last: { readonly stamp: number; readonly arrivedMs: number } | undefined;
  #reconnected = false;

  /** @param origin A stamp, 0 to 2³² - 1. Another one for each viewer: nobody learns from it how long a camera runs. */
  constructor(newest: NewestPicture, origin: number) {
    this.#newest = newest;
    this.origin = origin;
    this.#base = { stamp: origin, ptsMs: newest.ptsMs };
  }

  /** There is another connection to the camera: its clock has another zero. */
  reconnected(): void {
    this.#reconnected = true;
  }

  /** Whether a picture is sent only to be decoded. */
  isBefore({ index }: TappedPicture): boolean {
    return index < this.#newest.index;
  }

  /** The stamp of the next picture. */
  of(picture: TappedPicture): number {
    const { index, ptsMs, arrivedMs } = picture;
    if (this.#reconnected && this.#last) {
      // Time has passed for the viewer as it did here.
      const elapsed = Math.max(1, Math.round((arrivedMs - this.#last.arrivedMs) * RTP_PER_MS));
      this.#base = { stamp: this.#last.stamp + elapsed, ptsMs };
    }
    this.#reconnected = false;
    const stamp = this.isBefore(picture)
      ? this.origin - (this.#newest.index - index) * SQUEEZED
      : this.#base.stamp + Math.round((ptsMs - this.#base.ptsMs) * RTP_PER_MS);
    this.#last = { stamp, arrivedMs };
    return stamp >>> 0;
  }
}
