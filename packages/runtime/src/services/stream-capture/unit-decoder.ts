import type { Clock } from '@vigia/base';
import type { AccessUnit, SourceFormat } from '#core/media';
import { type Hardware, Picture, VideoDecoder } from '#core/media/libav';
import { SourceInterval } from './source-interval.ts';

/** Which units are decoded, and how. */
export interface DecodeOptions {
  /** `keyframes`: nothing else is decoded; the source's interval is then the distance of keyframes. */
  readonly mode: 'full' | 'keyframes';
  /** After a loss: nothing until a clean keyframe, or what the decoder makes of it. */
  readonly onLoss: 'wait' | 'conceal';
  readonly threads: number;
  readonly skipLoopFilter: boolean;
  readonly hardware: Hardware;
  /** Pixels. A larger picture ends the connection. */
  readonly maxPicture: { readonly width: number; readonly height: number };
}

/** Times the pixels of the largest picture that is allowed. */
const FAR_TOO_LARGE = 5;
/** Decoders round lines up: for tiny pictures the factor would not do. */
const LEAST_PIXELS = 256 * 256;

/** Decodes everything on one thread. */
export const DECODE_ALL: DecodeOptions = {
  mode: 'full',
  onLoss: 'wait',
  threads: 1,
  skipLoopFilter: false,
  hardware: 'none',
  maxPicture: { width: 8192, height: 8192 },
};

/**
 * Access units are conserved (AD2): captured = published + noDemand + undecodable + late + inDecoder, at any moment. Each
 * is counted at its own event.
 */
export interface UnitCounters {
  captured: number;
  published: number;
  /** Nobody wanted pictures, or not of this kind (`keyframes`). */
  noDemand: number;
  undecodable: number;
  late: number;
  /** In the decoder, or just out of it and not yet published. */
  inDecoder: number;
  /** Published although something of them, or of what they build on, was lost. Not a term of the sum. */
  concealed: number;
}

/** Where pictures go. */
export interface PictureSink {
  /** Takes over the reference. Must return at once. */
  publish(picture: Picture): void;
  /** Whether anybody wants pictures. */
  hasDemand(): boolean;
}

/** Options of {@link UnitDecoder}. */
export interface UnitDecoderOptions {
  readonly clock: Clock;
  readonly decode: DecodeOptions;
  readonly sink: PictureSink;
  /** A sentence about the decoder, for the log. */
  readonly onRemark: (sentence: string) => void;
  /** A picture is larger than allowed, in pixels. */
  readonly onTooLarge: (width: number, height: number) => void;
  /** A picture was published. */
  readonly onPublished: () => void;
}

interface PendingUnit {
  readonly arrivedMs: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  readonly latenessMs: number;
  readonly ptsMs: number;
  readonly concealed: boolean;
}

/** Out of the decoder, and published unless a newer one comes with the same read. */
interface Candidate {
  readonly picture: Picture;
  readonly latenessMs: number;
  readonly concealed: boolean;
}

type Frame = ConstructorParameters<typeof Picture>[0];

/**
 * Units in, pictures out: decides which units are decoded, stamps what comes out, and publishes the newest picture of one
 * read. Knows no connection; `begin` and `forget` tell it where one begins and ends.
 */
export class UnitDecoder {
  readonly #o: UnitDecoderOptions;
  readonly #units = new Map<number, PendingUnit>();
  readonly #counters: UnitCounters = {
    captured: 0,
    published: 0,
    noDemand: 0,
    undecodable: 0,
    late: 0,
    inDecoder: 0,
    concealed: 0,
  };
  readonly #interval = new SourceInterval();
  #format: SourceFormat | undefined;
  #decoder: VideoDecoder | undefined;
  /** Gives a frame back to the decoder that it came from: made with it, so that a picture costs no closure. */
  #recycle: (frame: Frame) => void = () => undefined;
  /** Of the last connection's decoder. */
  #decoderName = 'software';
  #unitId = 0;
  #needKeyframe = true;
  /** Something was lost since the last clean keyframe. */
  #dirty = false;
  #keyframePtsMs: number | undefined;
  #gopMs: number | undefined;
  #candidate: Candidate | undefined;
  #flushScheduled = false;
  #width = 0;
  #height = 0;
  /** Keyframes that were sent to the decoder since `begin`. */
  keyframes = 0;

  constructor(options: UnitDecoderOptions) {
    this.#o = options;
  }

  /** Between two pictures that are published, milliseconds. */
  get intervalMs(): number {
    return this.#interval.ms;
  }

  /** Between two keyframes, milliseconds; undefined before two have come. */
  get gopMs(): number | undefined {
    return this.#gopMs;
  }

  /** Of the last picture, pixels; 0 before the first. */
  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#width, height: this.#height };
  }

  /** `software`, or what decodes in its place; `software` as well before anything was decoded. */
  get decoderName(): string {
    return this.#decoder?.name ?? this.#decoderName;
  }

  counters(): UnitCounters {
    return { ...this.#counters };
  }

  /** A connection begins. The decoder is made when somebody wants a picture. */
  begin(format: SourceFormat): void {
    this.#format = format;
    this.keyframes = 0;
  }

  /** Hot path: once per access unit. */
  push(unit: AccessUnit, latenessMs: number): void {
    const counters = this.#counters;
    counters.captured += 1;
    const { mode, onLoss } = this.#o.decode;
    if (unit.keyframe) this.#measureGop(unit.ptsMs);
    if (mode === 'full' || unit.keyframe) this.#interval.observe(unit.ptsMs);
    if (!this.#o.sink.hasDemand()) {
      counters.noDemand += 1;
      this.#needKeyframe = true;
      return;
    }
    if (mode === 'keyframes' && !unit.keyframe) {
      counters.noDemand += 1;
      return;
    }
    if (unit.damaged) this.#dirty = true;
    else if (unit.keyframe) this.#dirty = false;
    const unusable = unit.damaged && onLoss === 'wait';
    if (unusable || (this.#needKeyframe && !unit.keyframe)) {
      counters.undecodable += 1;
      this.#needKeyframe = true;
      return;
    }
    this.#needKeyframe = false;
    if (unit.keyframe) this.keyframes += 1;
    this.#decode(unit, latenessMs);
  }

  /**
   * Only the newest picture of one read is published. When it is late, more bytes are probably waiting in the socket:
   * it is held until the end of this turn of the event loop, so that what else is there can replace it.
   *
   * @returns the lateness of what came out, undefined when nothing did.
   */
  readEnd(): number | undefined {
    const candidate = this.#candidate;
    if (!candidate) return undefined;
    const { latenessMs } = candidate;
    if (latenessMs <= this.#interval.ms / 2) this.#publishCandidate();
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(this.#flush);
    }
    return latenessMs;
  }

  /** A connection ended: nothing of the old stream may reach the new one. */
  forget(): void {
    if (this.#candidate) this.#dropCandidate();
    this.#counters.undecodable += this.#units.size;
    this.#counters.inDecoder -= this.#units.size;
    this.#units.clear();
    this.#needKeyframe = true;
    this.#dirty = false;
    this.#keyframePtsMs = undefined;
    this.#interval.reset();
    this.#decoderName = this.decoderName;
    this.#decoder?.close();
    this.#decoder = undefined;
  }

  #decode(unit: AccessUnit, latenessMs: number): void {
    const counters = this.#counters;
    const { clock } = this.#o;
    this.#unitId += 1;
    const id = this.#unitId;
    const capturedMs = unit.arrivedMs - latenessMs;
    const capturedWallMs = clock.wallMs() - (clock.nowMs() - capturedMs);
    const { arrivedMs, ptsMs } = unit;
    this.#units.set(id, { arrivedMs, capturedMs, capturedWallMs, latenessMs, ptsMs, concealed: this.#dirty });
    counters.inDecoder += 1;
    const decoder = (this.#decoder ??= this.#openDecoder());
    if (decoder.decode(unit.data, id) === 'error' && this.#units.delete(id)) {
      counters.inDecoder -= 1;
      counters.undecodable += 1;
      if (this.#o.decode.onLoss === 'wait') this.#needKeyframe = true;
      this.#dirty = true;
    }
    this.#expireUnits(decoder);
  }

  #openDecoder(): VideoDecoder {
    const { threads, skipLoopFilter, hardware, maxPicture } = this.#o.decode;
    const decoder: VideoDecoder = new VideoDecoder({
      format: this.#format ?? { codec: 'h264', extradata: undefined, raw: undefined },
      threads,
      // Somewhat too large is refused with both sizes, once it was seen; far too large takes no memory at all.
      maxPixels: Math.max(LEAST_PIXELS, maxPicture.width * maxPicture.height * FAR_TOO_LARGE),
      skipLoopFilter,
      hardware,
      onFallback: (sentence) => this.#o.onRemark(sentence),
      onPicture: (frame, unitId) => this.#onPicture(decoder, frame, unitId),
    });
    this.#recycle = (frame) => decoder.recycle(frame);
    return decoder;
  }

  /** A unit that the decoder swallowed without a picture will never come out: more are in it than it may hold back. */
  #expireUnits(decoder: VideoDecoder): void {
    const limit = decoder.reorderDelay + decoder.hiddenDelay + 1;
    while (this.#units.size > limit) {
      const oldest = this.#units.keys().next().value as number;
      this.#units.delete(oldest);
      this.#counters.inDecoder -= 1;
      this.#counters.undecodable += 1;
    }
  }

  #onPicture(decoder: VideoDecoder, frame: Frame, unitId: number): void {
    const unit = this.#units.get(unitId);
    if (!unit) {
      // Given up above, or from before a reset.
      decoder.recycle(frame);
      return;
    }
    this.#units.delete(unitId);
    // Nothing was missing on the way, and still the decoder had to guess: what was sent was spoiled.
    const guessed = frame.decodeErrorFlags !== 0;
    if (guessed) this.#dirty = true;
    if (guessed && this.#o.decode.onLoss === 'wait') {
      this.#needKeyframe = true;
      this.#counters.inDecoder -= 1;
      this.#counters.undecodable += 1;
      decoder.recycle(frame);
      return;
    }
    if (this.#isTooLarge(frame)) {
      this.#counters.inDecoder -= 1;
      this.#counters.undecodable += 1;
      this.#o.onTooLarge(frame.width, frame.height);
      decoder.recycle(frame);
      return;
    }
    this.#width = frame.width;
    this.#height = frame.height;
    const stamps = {
      capturedMs: unit.capturedMs,
      capturedWallMs: unit.capturedWallMs,
      arrivedMs: unit.arrivedMs,
      decodedMs: this.#o.clock.nowMs(),
      ptsUs: Math.round(unit.ptsMs * 1000),
    };
    if (this.#candidate) this.#dropCandidate();
    const picture = new Picture(frame, stamps, this.#recycle);
    this.#candidate = { picture, latenessMs: unit.latenessMs, concealed: unit.concealed || guessed };
  }

  #isTooLarge({ width, height }: Frame): boolean {
    const { maxPicture } = this.#o.decode;
    // Either way up: cameras can be turned.
    const fits = width <= maxPicture.width && height <= maxPicture.height;
    return !fits && !(width <= maxPicture.height && height <= maxPicture.width);
  }

  #measureGop(ptsMs: number): void {
    const before = this.#keyframePtsMs;
    this.#keyframePtsMs = ptsMs;
    if (before !== undefined && ptsMs > before && ptsMs - before < 600_000) this.#gopMs = ptsMs - before;
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#candidate) this.#publishCandidate();
  };

  #publishCandidate(): void {
    const { picture, concealed } = this.#candidate as Candidate;
    this.#candidate = undefined;
    this.#counters.inDecoder -= 1;
    this.#counters.published += 1;
    if (concealed) this.#counters.concealed += 1;
    this.#o.onPublished();
    this.#o.sink.publish(picture);
  }

  #dropCandidate(): void {
    this.#candidate?.picture.release();
    this.#candidate = undefined;
    this.#counters.inDecoder -= 1;
    this.#counters.late += 1;
  }
}
