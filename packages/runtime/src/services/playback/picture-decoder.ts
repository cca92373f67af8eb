import { setImmediate as nextTurn } from 'node:timers/promises';
import { VigiaError } from '@vigia/base';
import sharp from 'sharp';
import { geometryOf, WHOLE } from '#core/media';
import { FrameScaler, Picture, PictureLimit, VideoDecoder } from '#core/media/libav';
import { codingOf, type PictureCoding, toUnit } from './codec-sets.ts';
import { type PicturePath, reading } from './picture-finder.ts';

/** A picture of a recording. */
export interface Jpeg {
  readonly bytes: Buffer;
  /** When it was shown. Wall time, milliseconds since 1970. */
  readonly shownMs: number;
}

/** The largest picture that is decoded, pixels. */
const MOST = { width: 8192, height: 8192 };
const QUALITY = 88;

/**
 * Decodes the picture that a path leads to; the one before it, when that gives none. Other work of the process comes between two
 * coded pictures.
 *
 * @param width Pixels, at most; smaller pictures keep their size. @param signal Ends the work between two pictures.
 * @throws VigiaError `picture_failed`, `picture_too_large`, `footage_changed`; the signal's reason.
 */
export async function decodePicture(path: PicturePath, width: number, signal: AbortSignal): Promise<Jpeg> {
  const coding = codingOf(path.map.init);
  if (!coding) throw new VigiaError('picture_failed', 'the recording has a codec that cannot be decoded');
  const decoding = new Decoding(path, coding);
  try {
    await decoding.run(signal);
    const { pixels, size, shownMs } = decoding.take(width);
    const raw = { width: size.width, height: size.height, channels: 3 } as const;
    return { bytes: await sharp(pixels, { raw }).jpeg({ quality: QUALITY }).toBuffer(), shownMs };
  } finally {
    decoding.close();
  }
}

type Frame = Parameters<VideoDecoder['recycle']>[0];

class Decoding {
  readonly #path: PicturePath;
  readonly #coding: PictureCoding;
  readonly #limit: PictureLimit;
  readonly #decoder: VideoDecoder;
  #refused = '';
  #best: { readonly frame: Frame; readonly shownMs: number } | undefined;

  constructor(path: PicturePath, coding: PictureCoding) {
    this.#path = path;
    this.#coding = coding;
    this.#limit = new PictureLimit(MOST, ({ width, height }) => {
      this.#refused = `${width}×${height}`;
    });
    const { codec } = coding;
    this.#limit.begin({ codec, extradata: undefined });
    this.#decoder = new VideoDecoder({
      format: { codec, extradata: undefined, raw: undefined },
      threads: 1,
      maxPixels: this.#limit.pixels,
      skipLoopFilter: false,
      hardware: 'none',
      onFallback: () => undefined,
      onPicture: (frame, id) => this.#onPicture(frame, id),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pictures, file } = this.#path;
    await reading(file, async (read) => {
      for (const [i, picture] of pictures.entries()) {
        await nextTurn();
        signal.throwIfAborted();
        this.#decode(await read(picture), i);
      }
    });
    this.#decoder.restart();
  }

  /** The picture as RGB24. @throws VigiaError `picture_failed` */
  take(width: number): { pixels: Buffer; size: { width: number; height: number }; shownMs: number } {
    if (!this.#best) throw new VigiaError('picture_failed', 'the recording is damaged here: no picture can be decoded');
    const { frame, shownMs } = this.#best;
    const size = fitted(frame, width);
    const pixels = Buffer.allocUnsafe(size.width * size.height * 3);
    const stamps = { capturedMs: 0, capturedWallMs: 0, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
    const picture = new Picture(frame, stamps, () => undefined);
    // Recordings are as the camera sent them.
    const scaler = new FrameScaler([]);
    try {
      const spec = { ...size, fit: 'stretch', format: 'RGB24' } as const;
      scaler.scale(picture, geometryOf(frame.width, frame.height, WHOLE, spec), pixels);
    } finally {
      scaler.close();
      picture.release();
    }
    return { pixels, size, shownMs };
  }

  close(): void {
    if (this.#best) this.#decoder.recycle(this.#best.frame);
    this.#best = undefined;
    this.#decoder.close();
  }

  /** Coded pictures are numbered from 1 on. */
  #decode(picture: Buffer, index: number): void {
    const unit = toUnit(picture, this.#coding);
    const data = index === 0 ? Buffer.concat([this.#coding.sets, unit]) : unit;
    if (this.#limit.refusesUnit(data, index === 0)) throw this.#tooLarge();
    if (data.byteLength > 0) this.#decoder.decode(data, index + 1);
    if (this.#limit.refusesHeldBack(this.#decoder.reorderDelay)) throw this.#tooLarge();
  }

  #onPicture(frame: Frame, id: number): void {
    const shownMs = this.#path.pictures[id - 1]?.shownMs;
    const wanted = this.#path.pictures[this.#path.wanted]?.shownMs ?? 0;
    const isBetter = shownMs !== undefined && shownMs <= wanted && shownMs >= (this.#best?.shownMs ?? 0);
    if (!isBetter || this.#limit.refuses(frame)) {
      this.#decoder.recycle(frame);
      return;
    }
    if (this.#best) this.#decoder.recycle(this.#best.frame);
    this.#best = { frame, shownMs };
  }

  #tooLarge(): VigiaError {
    const most = `${MOST.width}×${MOST.height}`;
    return new VigiaError(
      'picture_too_large',
      `the recording has pictures of ${this.#refused}; at most ${most} are decoded`,
    );
  }
}

function fitted(
  frame: { readonly width: number; readonly height: number },
  most: number,
): { width: number; height: number } {
  const width = Math.min(frame.width, most);
  return { width, height: Math.max(1, Math.round((frame.height * width) / frame.width)) };
}
