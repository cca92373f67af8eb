import type { Geometry } from '#core/media';
import type { Picture, PictureStamps } from '#core/media/libav';
import type { FlightRecord } from './result-message.ts';

/** Memory that its holder gives back once. */
export interface Releasable {
  release(): void;
}

/** Where a picture was taken: offers the next one once the result of this one is known. */
export interface PictureOrigin {
  settle(): void;
}

/**
 * One picture in flight: taken → rendered → sent → answered → settled. Holds a reference to the picture and the lease on its
 * pixels, and releases each of them in one place, so that neither can be released twice.
 */
export class Flight implements FlightRecord {
  readonly seq: number;
  readonly stamps: PictureStamps;
  readonly width: number;
  readonly height: number;
  /** Whether the picture is needed until its result. */
  readonly kept: boolean;
  readonly takenMs: number;
  readonly #origin: PictureOrigin | undefined;
  #picture: Picture | undefined;
  #pixels: Releasable | undefined;
  #geometry: Geometry | undefined;
  #renderedMs: number | undefined;
  #sentMs: number | undefined;
  #receivedMs: number | undefined;
  #settled = false;

  /**
   * Takes over one reference to the picture.
   *
   * @param origin Its `settle` is called once, when the result is known. Undefined for a seat, which notices by itself.
   */
  constructor(picture: Picture, kept: boolean, origin: PictureOrigin | undefined, takenMs: number) {
    this.seq = picture.seq;
    this.stamps = picture.stamps;
    this.width = picture.width;
    this.height = picture.height;
    this.kept = kept;
    this.takenMs = takenMs;
    this.#origin = origin;
    this.#picture = picture;
  }

  /** The picture, until it is sent or, when it is kept, until its result. */
  get picture(): Picture | undefined {
    return this.#picture;
  }

  get geometry(): Geometry | undefined {
    return this.#geometry;
  }

  get renderedMs(): number | undefined {
    return this.#renderedMs;
  }

  get sentMs(): number | undefined {
    return this.#sentMs;
  }

  get receivedMs(): number | undefined {
    return this.#receivedMs;
  }

  /** Whether its result is known. The pixels may still be in use. */
  get settled(): boolean {
    return this.#settled;
  }

  /** @param pixels The pixels that the consumer reads, if they must be released. */
  rendered(geometry: Geometry, pixels: Releasable | undefined, nowMs: number): void {
    this.#geometry = geometry;
    this.#pixels = pixels;
    this.#renderedMs = nowMs;
  }

  /** The consumer reads the rendered pixels from here on: the picture itself is released unless it is kept. */
  sent(nowMs: number): void {
    this.#sentMs = nowMs;
    if (!this.kept) this.releasePicture();
  }

  answered(nowMs: number): void {
    this.#receivedMs = nowMs;
  }

  /** Its result is known. */
  settle(): void {
    this.#settled = true;
    this.#origin?.settle();
  }

  /** Idempotent. */
  releasePicture(): void {
    const picture = this.#picture;
    this.#picture = undefined;
    picture?.release();
  }

  /** The consumer has finished with the pixels. Idempotent. */
  releasePixels(): void {
    const pixels = this.#pixels;
    this.#pixels = undefined;
    pixels?.release();
  }
}
