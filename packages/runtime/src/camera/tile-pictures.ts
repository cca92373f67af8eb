import { type Clock, messageOf, VigiaError } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import type { Tile } from '#core/camera-link';
import { geometryOf, WHOLE } from '#core/media';
import type { FrameScaler, Picture } from '#core/media/libav';

/** After so long without an ok result, tiles show any frame. Milliseconds. */
const RESULT_MS = 1_000;
/** Pictures stay wanted so long after the last request: a decoder that stops waits for a keyframe again. Milliseconds. */
const HOLD_MS = 2_000;
/** Requests that may wait. */
const LIMIT = 8;
const FORMAT = 'RGB24';
const BYTES_PER_PIXEL = 3;

/** A small picture as a JPEG. */
export interface EncodedTile {
  readonly jpeg: Uint8Array;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** Options of {@link TilePictures}. */
export interface TilePicturesOptions {
  readonly clock: Clock;
  /** Blacks out what nobody may see. Closed by {@link TilePictures.close}. */
  readonly scaler: Pick<FrameScaler, 'scale' | 'close'>;
  /** Encodes RGB24 pixels, tightly packed, as a JPEG of this width. They stay untouched until it has resolved. */
  readonly encode: (
    rgb: { readonly data: Buffer; readonly width: number; readonly height: number },
    width: number,
  ) => Promise<EncodedTile>;
}

interface Request {
  readonly width: number;
  readonly resolve: (tile: Tile) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Small pictures for pages. Each is the picture of an ok result while such results come, so that a page can draw its boxes on
 * exactly the frame that they were found in. One is encoded at a time; later requests wait for a newer frame, and pixels are
 * kept in one buffer. Without requests it costs one comparison per frame.
 */
export class TilePictures {
  readonly #o: TilePicturesOptions;
  #waiting: Request[] = [];
  #pixels = Buffer.alloc(0);
  #encoding = false;
  #askedMs = Number.NEGATIVE_INFINITY;
  #okMs = Number.NEGATIVE_INFINITY;

  constructor(options: TilePicturesOptions) {
    this.#o = options;
  }

  /** Whether somebody looks: frames must be decoded. */
  get isWatched(): boolean {
    return this.#o.clock.nowMs() - this.#askedMs < HOLD_MS;
  }

  /** Whether a consumer should keep the picture that it takes now until its result. */
  get wantsResult(): boolean {
    return this.isWatched;
  }

  /**
   * Resolves with the next picture. @param width Of the picture, pixels; a smaller stream keeps its own. @param signal Ends
   * the wait.
   *
   * @throws VigiaError `picture_failed`
   */
  ask(width: number, signal: AbortSignal): Promise<Tile> {
    this.#askedMs = this.#o.clock.nowMs();
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= LIMIT) {
        reject(new VigiaError('picture_failed', `${LIMIT} small pictures are asked for already`));
        return;
      }
      const request = { width, resolve, reject };
      this.#waiting.push(request);
      const forget = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== request);
        reject(signal.reason);
      };
      signal.addEventListener('abort', forget, { once: true });
    });
  }

  /** An ok result, with its picture if it was kept (borrowed). */
  ofResult(result: ResultMessage, picture: Picture | undefined): void {
    this.#okMs = this.#o.clock.nowMs();
    if (picture && this.#waiting.length > 0) this.#give(picture, result.seq);
  }

  /** The next frame (borrowed). */
  ofFrame(picture: Picture): void {
    if (this.#waiting.length > 0 && this.#o.clock.nowMs() - this.#okMs > RESULT_MS) this.#give(picture, null);
  }

  /** Requests that wait are refused. Idempotent. */
  close(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new VigiaError('picture_failed', 'the camera is closing'));
    this.#o.scaler.close();
  }

  #give(picture: Picture, seq: number | null): void {
    if (this.#encoding) return;
    const { width } = this.#waiting[0] as Request;
    const requests = this.#waiting.filter((request) => request.width === width);
    this.#waiting = this.#waiting.filter((request) => request.width !== width);
    this.#encoding = true;
    this.#encoded(picture, Math.min(width, picture.width), seq)
      .then(
        (tile) => requests.forEach(({ resolve }) => resolve(tile)),
        (error: unknown) => {
          const failure = new VigiaError('picture_failed', messageOf(error), { cause: error });
          for (const { reject } of requests) reject(failure);
        },
      )
      .finally(() => (this.#encoding = false));
  }

  /** The pixels are copied before it returns: the picture is borrowed. */
  async #encoded(picture: Picture, width: number, seq: number | null): Promise<Tile> {
    const { stamps } = picture;
    // Twice as large, then averaged: one fast pass to the final size would leave stairs in every edge.
    const doubled = Math.min(2 * width, picture.width);
    const height = Math.max(2, Math.round((picture.height * doubled) / picture.width / 2) * 2);
    const bytes = doubled * height * BYTES_PER_PIXEL;
    if (this.#pixels.byteLength < bytes) this.#pixels = Buffer.allocUnsafeSlow(bytes);
    const target = { width: doubled, height, fit: 'stretch', format: FORMAT } as const;
    this.#o.scaler.scale(picture, geometryOf(picture.width, picture.height, WHOLE, target), this.#pixels);
    const data = this.#pixels.subarray(0, bytes);
    const tile = await this.#o.encode({ data, width: doubled, height }, width);
    return {
      jpeg: tile.jpeg,
      stamps: {
        seq,
        captured_at: new Date(stamps.capturedWallMs).toISOString(),
        age_ms: Math.max(0, Math.round(this.#o.clock.nowMs() - stamps.capturedMs)),
        age_certain: stamps.hiddenMs === 0,
        width: tile.width,
        height: tile.height,
      },
    };
  }
}
