import type { Clock } from '@vigia/base';
import type { AccessUnit, SourceFormat } from '#core/media';
import { type Hardware, Picture, VideoDecoder } from '#core/media/libav';
import { SourceInterval } from './source-interval.ts';
import { type UnitCounters, UnitLedger } from './unit-ledger.ts';

/** Which units are decoded, and how. */
export interface DecodeOptions {
  /** `keyframes` decodes nothing else; the source's interval is then that between keyframes. */
  readonly mode: 'full' | 'keyframes';
  /** After a loss: `wait` decodes nothing before a clean keyframe; `conceal` publishes what the decoder makes of it. */
  readonly onLoss: 'wait' | 'conceal';
  readonly threads: number;
  readonly skipLoopFilter: boolean;
  readonly hardware: Hardware;
  /** Pixels. A larger picture ends the connection. */
  readonly maxPicture: { readonly width: number; readonly height: number };
}

/**
 * The decoder refuses pictures with this many times the allowed pixels before it allocates memory. A picture
 * that is only somewhat too large is decoded once, so that the error can state its size.
 */
const FAR_TOO_LARGE = 5;
/** Decoders round up to whole lines of blocks: for tiny pictures the factor would not be enough. */
const LEAST_PIXELS = 256 * 256;
/** Two keyframes further apart than this do not belong together. Milliseconds. */
const LONGEST_GOP_MS = 600_000;

/** Decodes everything on one thread. */
export const DECODE_ALL: DecodeOptions = {
  mode: 'full',
  onLoss: 'wait',
  threads: 1,
  skipLoopFilter: false,
  hardware: 'none',
  maxPicture: { width: 8192, height: 8192 },
};

/** Options of {@link UnitDecoder}. */
export interface UnitDecoderOptions {
  readonly clock: Clock;
  readonly decode: DecodeOptions;
  /** Takes over the picture with its reference. Must return at once. */
  readonly publish: (picture: Picture) => void;
  /** A sentence about the decoder, for the log. */
  readonly onRemark: (sentence: string) => void;
  /** A picture is larger than allowed, in pixels. */
  readonly onTooLarge: (width: number, height: number) => void;
}

interface PendingUnit {
  readonly arrivedMs: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  readonly latenessMs: number;
  readonly hiddenMs: number;
  readonly ptsMs: number;
  readonly concealed: boolean;
}

/** Out of the decoder; published unless the same read brings a newer one. */
interface Candidate {
  readonly picture: Picture;
  readonly latenessMs: number;
  readonly concealed: boolean;
}

type Frame = ConstructorParameters<typeof Picture>[0];

/**
 * Units in, pictures out: decides which units are decoded, stamps what comes out, and publishes the newest picture of one
 * read. Knows no connection: `begin` and `forget` mark where one begins and ends.
 */
export class UnitDecoder {
  readonly #o: UnitDecoderOptions;
  readonly #units = new Map<number, PendingUnit>();
  readonly #ledger = new UnitLedger();
  readonly #interval = new SourceInterval();
  #format: SourceFormat | undefined;
  #decoder: VideoDecoder | undefined;
  /** Returns a frame to the decoder that it came from. Made once per decoder, so that a picture costs no closure. */
  #recycle: (frame: Frame) => void = () => undefined;
  /** Of the last connection's decoder. */
  #decoderName = 'software';
  #unitId = 0;
  #needKeyframe = true;
  /** Whether something was lost since the last clean keyframe. */
  #dirty = false;
  #keyframePtsMs: number | undefined;
  #gopMs: number | undefined;
  #candidate: Candidate | undefined;
  #flushScheduled = false;
  #width = 0;
  #height = 0;
  /** Keyframes that went into the decoder since `begin`. */
  keyframes = 0;

  constructor(options: UnitDecoderOptions) {
    this.#o = options;
  }

  /** Between two published pictures, milliseconds. */
  get intervalMs(): number {
    return this.#interval.ms;
  }

  /** Between two keyframes, milliseconds; undefined before the second one. */
  get gopMs(): number | undefined {
    return this.#gopMs;
  }

  /** Of the last picture, pixels; 0 before the first. */
  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#width, height: this.#height };
  }

  /** `software`, or the hardware that decodes; `software` also before the first unit is decoded. */
  get decoderName(): string {
    return this.#decoder?.name ?? this.#decoderName;
  }

  counters(): UnitCounters {
    return this.#ledger.counters();
  }

  /** A connection begins. The decoder is made with the first unit that is decoded. */
  begin(format: SourceFormat): void {
    this.#format = format;
    this.keyframes = 0;
  }

  /**
   * Hot path: once per access unit. @param wanted Whether anything wants its picture. @param hiddenMs How much older than
   * its lateness says it may be.
   */
  push(unit: AccessUnit, latenessMs: number, wanted: boolean, hiddenMs: number): void {
    this.#measure(unit);
    const reason = this.#whySkipped(unit, wanted);
    if (reason) this.#ledger.skipped(reason);
    else this.#decode(unit, latenessMs, hiddenMs);
  }

  /**
   * Publishes the newest picture of one read. When that one is late, more bytes probably wait in the socket: it is held
   * until the end of this turn of the event loop, so that a newer one can replace it.
   *
   * @returns the lateness of that picture, undefined when there is none.
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

  /** A connection ended: none of its pictures may reach the next one. */
  forget(): void {
    if (this.#candidate) this.#dropCandidate();
    this.#ledger.failed(this.#units.size);
    this.#units.clear();
    // With it, the next unit that is decoded is a keyframe, which decides again whether something is lost.
    this.#needKeyframe = true;
    this.#keyframePtsMs = undefined;
    this.#interval.reset();
    this.#decoderName = this.decoderName;
    this.#decoder?.close();
    this.#decoder = undefined;
  }

  #measure({ keyframe, ptsMs }: AccessUnit): void {
    if (keyframe) this.#measureGop(ptsMs);
    if (this.#o.decode.mode === 'full' || keyframe) this.#interval.observe(ptsMs);
  }

  /** Why a unit is not decoded; undefined when it is. Follows what the decoder has missed by then. */
  #whySkipped(unit: AccessUnit, wanted: boolean): 'noDemand' | 'undecodable' | undefined {
    if (!wanted) {
      this.#needKeyframe = true;
      return 'noDemand';
    }
    const { mode, onLoss } = this.#o.decode;
    if (mode === 'keyframes' && !unit.keyframe) return 'noDemand';
    if (unit.damaged) this.#dirty = true;
    else if (unit.keyframe) this.#dirty = false;
    const unusable = unit.damaged && onLoss === 'wait';
    this.#needKeyframe = unusable || (this.#needKeyframe && !unit.keyframe);
    return this.#needKeyframe ? 'undecodable' : undefined;
  }

  #decode(unit: AccessUnit, latenessMs: number, hiddenMs: number): void {
    if (unit.keyframe) this.keyframes += 1;
    this.#unitId += 1;
    const id = this.#unitId;
    this.#units.set(id, this.#pendingUnit(unit, latenessMs, hiddenMs));
    this.#ledger.entered();
    const decoder = (this.#decoder ??= this.#openDecoder());
    if (decoder.decode(unit.data, id) === 'error' && this.#units.delete(id)) this.#onRefused();
    this.#expireUnits(decoder);
  }

  #pendingUnit({ arrivedMs, ptsMs }: AccessUnit, latenessMs: number, hiddenMs: number): PendingUnit {
    const { clock } = this.#o;
    const capturedMs = arrivedMs - latenessMs;
    const capturedWallMs = clock.wallMs() - (clock.nowMs() - capturedMs);
    return { arrivedMs, capturedMs, capturedWallMs, latenessMs, hiddenMs, ptsMs, concealed: this.#dirty };
  }

  /** The decoder refused a unit. */
  #onRefused(): void {
    this.#ledger.failed();
    if (this.#o.decode.onLoss === 'wait') this.#needKeyframe = true;
    this.#dirty = true;
  }

  #openDecoder(): VideoDecoder {
    const { threads, skipLoopFilter, hardware, maxPicture } = this.#o.decode;
    const decoder: VideoDecoder = new VideoDecoder({
      format: this.#format ?? { codec: 'h264', extradata: undefined, raw: undefined },
      threads,
      maxPixels: Math.max(LEAST_PIXELS, maxPicture.width * maxPicture.height * FAR_TOO_LARGE),
      skipLoopFilter,
      hardware,
      onFallback: (sentence) => this.#o.onRemark(sentence),
      onPicture: (frame, unitId) => this.#onPicture(decoder, frame, unitId),
    });
    this.#recycle = (frame) => decoder.recycle(frame);
    return decoder;
  }

  /** Gives up units that the decoder swallowed without a picture: more are in it than it may hold back. */
  #expireUnits(decoder: VideoDecoder): void {
    const limit = decoder.reorderDelay + decoder.hiddenDelay + 1;
    while (this.#units.size > limit) {
      const oldest = this.#units.keys().next().value as number;
      this.#units.delete(oldest);
      this.#ledger.failed();
    }
  }

  #onPicture(decoder: VideoDecoder, frame: Frame, unitId: number): void {
    const unit = this.#units.get(unitId);
    if (!unit) {
      // Given up by `#expireUnits`, or from before a reset.
      decoder.recycle(frame);
      return;
    }
    this.#units.delete(unitId);
    const guessed = this.#noteGuess(frame);
    if (this.#isUsable(frame, guessed)) this.#propose(frame, unit, unit.concealed || guessed);
    else {
      this.#ledger.failed();
      decoder.recycle(frame);
    }
  }

  /** Whether the decoder had to guess although no packet was missing: the camera sent spoiled data. */
  #noteGuess(frame: Frame): boolean {
    const guessed = frame.decodeErrorFlags !== 0;
    if (guessed) this.#dirty = true;
    return guessed;
  }

  #isUsable(frame: Frame, guessed: boolean): boolean {
    if (guessed && this.#o.decode.onLoss === 'wait') {
      this.#needKeyframe = true;
      return false;
    }
    if (!this.#isTooLarge(frame)) return true;
    this.#o.onTooLarge(frame.width, frame.height);
    return false;
  }

  /** Makes a picture the candidate, in place of an older one. */
  #propose(frame: Frame, unit: PendingUnit, concealed: boolean): void {
    const { capturedMs, capturedWallMs, hiddenMs, arrivedMs, ptsMs, latenessMs } = unit;
    this.#width = frame.width;
    this.#height = frame.height;
    if (this.#candidate) this.#dropCandidate();
    const decodedMs = this.#o.clock.nowMs();
    const stamps = { capturedMs, capturedWallMs, hiddenMs, arrivedMs, decodedMs, ptsUs: Math.round(ptsMs * 1000) };
    this.#candidate = { picture: new Picture(frame, stamps, this.#recycle), latenessMs, concealed };
  }

  #isTooLarge({ width, height }: Frame): boolean {
    const { maxPicture } = this.#o.decode;
    // Either way round: cameras can be mounted turned.
    const fits = width <= maxPicture.width && height <= maxPicture.height;
    return !fits && !(width <= maxPicture.height && height <= maxPicture.width);
  }

  #measureGop(ptsMs: number): void {
    const before = this.#keyframePtsMs;
    this.#keyframePtsMs = ptsMs;
    if (before !== undefined && ptsMs > before && ptsMs - before < LONGEST_GOP_MS) this.#gopMs = ptsMs - before;
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#candidate) this.#publishCandidate();
  };

  #publishCandidate(): void {
    const { picture, concealed } = this.#candidate as Candidate;
    this.#candidate = undefined;
    this.#ledger.published(concealed);
    this.#o.publish(picture);
  }

  #dropCandidate(): void {
    this.#candidate?.picture.release();
    this.#candidate = undefined;
    this.#ledger.overtaken();
  }
}
