import { type Clock, type Timer, VigiaError } from '@vigia/base';
import type { SourceError, SourceFormat } from '#core/media';
import { Picture, VideoDecoder } from '#core/media/libav';
import { connectSource } from '#core/media/sources';

/** Pixels of a picture: as of a camera. */
const MOST_PIXELS = 8192 * 8192;

/** Time that stands still until somebody has dealt with what there is. */
class ClipClock implements Clock {
  #nowMs = 0;
  #due: { readonly atMs: number; readonly fn: () => void } | undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  /** One at a time: a file sets one for the packet that is next. */
  after(ms: number, fn: () => void): Timer {
    const due = { atMs: this.#nowMs + ms, fn };
    this.#due = due;
    return {
      cancel: () => {
        if (this.#due === due) this.#due = undefined;
      },
    };
  }

  /** Goes on to what is due next, if anything is. */
  step(): void {
    const due = this.#due;
    if (!due) return;
    this.#due = undefined;
    this.#nowMs = Math.max(this.#nowMs, due.atMs);
    due.fn();
  }
}

/**
 * Reads a video file as fast as its pictures are dealt with, and gives as many of them a second as a camera's consumer would take.
 *
 * @param take Borrows the picture until it resolves. @param atMs Since the first picture. Milliseconds.
 * @returns How long the clip is. Milliseconds.
 * @throws SourceError for a file that cannot be played; the signal's reason.
 */
export async function readClip(
  file: string,
  fps: number,
  take: (picture: Picture, atMs: number) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  const clip = await Clip.open(file, signal);
  let [firstMs, lastMs, dueMs]: [number | undefined, number, number] = [undefined, 0, 0];
  try {
    for (;;) {
      signal.throwIfAborted();
      const picture = await clip.next();
      if (!picture) return lastMs;
      try {
        firstMs ??= picture.stamps.capturedMs;
        const atMs = picture.stamps.capturedMs - firstMs;
        lastMs = Math.max(lastMs, atMs);
        if (atMs < dueMs - 1) continue;
        // Those that are missed are not caught up with.
        dueMs = Math.max(dueMs + 1000 / fps, atMs);
        await take(picture, atMs);
      } finally {
        picture.release();
      }
    }
  } finally {
    clip.close();
  }
}

/** A file that is decoded step by step. */
class Clip {
  readonly #clock = new ClipClock();
  readonly #ready: Picture[] = [];
  readonly #times = new Map<number, number>();
  #source: { close(): void } | undefined;
  #decoder: VideoDecoder | undefined;
  #units = 0;
  #end: SourceError | undefined;

  static async open(file: string, signal: AbortSignal): Promise<Clip> {
    const clip = new Clip();
    const options = {
      url: `file:${file}`,
      clock: clip.#clock,
      onFormat: (format: SourceFormat) => clip.#decode(format),
      onUnit: ({ data, ptsMs }: { readonly data: Buffer; readonly ptsMs: number }) => clip.#unit(data, ptsMs),
      onEnd: (end: SourceError) => {
        clip.#decoder?.restart();
        clip.#end = end;
      },
    };
    try {
      clip.#source = await connectSource(options, signal);
      return clip;
    } catch (error) {
      clip.close();
      throw error;
    }
  }

  /** The caller releases it. Undefined: the clip is over. @throws SourceError */
  async next(): Promise<Picture | undefined> {
    for (;;) {
      const picture = this.#ready.shift();
      if (picture) return picture;
      if (this.#end) {
        if (this.#end.code === 'ended') return undefined;
        throw this.#end;
      }
      this.#clock.step();
      // The file is read elsewhere.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  close(): void {
    this.#source?.close();
    for (const picture of this.#ready.splice(0)) picture.release();
    this.#decoder?.close();
    this.#decoder = undefined;
  }

  #decode(format: SourceFormat): void {
    this.#decoder = new VideoDecoder({
      format,
      threads: 1,
      skipLoopFilter: false,
      hardware: 'none',
      maxPixels: MOST_PIXELS,
      onFallback: () => undefined,
      onPicture: (frame, unit) => this.#picture(frame, unit),
    });
  }

  #unit(data: Buffer, ptsMs: number): void {
    if (!this.#decoder) throw new VigiaError('decoder_closed', 'a unit came before its format');
    this.#units += 1;
    this.#times.set(this.#units, ptsMs);
    this.#decoder.decode(data, this.#units);
  }

  #picture(frame: ConstructorParameters<typeof Picture>[0], unit: number): void {
    const atMs = this.#times.get(unit);
    // Units that gave no picture are not waited for.
    for (const id of this.#times.keys()) if (id <= unit) this.#times.delete(id);
    if (atMs === undefined) return this.#decoder?.recycle(frame);
    const same = { capturedMs: atMs, capturedWallMs: atMs, hiddenMs: 0, arrivedMs: atMs, decodedMs: atMs };
    const decoder = this.#decoder;
    this.#ready.push(new Picture(frame, { ...same, ptsUs: atMs * 1000 }, (free) => decoder?.recycle(free)));
  }
}
