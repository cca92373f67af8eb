import type { Clock } from '@vigia/base';
import type { AccessUnit, SourceFormat } from '#core/media';
import { type Needs, ParameterSetWatch } from '#core/media/bitstream';
import { type Hardware, Picture, PictureLimit, VideoDecoder } from '#core/media/libav';
import type { Recovery } from './recovery.ts';
import { SourceInterval } from './source-interval.ts';
import { type UnitCounters, UnitLedger } from './unit-ledger.ts';
import { type UnitState, Wholeness } from './wholeness.ts';

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

/** Two keyframes further apart than this do not belong together. Milliseconds. */
const LONGEST_GOP_MS = 600_000;
/** Pictures after which the interval, and what the decoder holds back, are known. */
const KNOWN_AFTER = 16;

/** The most pictures that are shown before a recovery point and decoded after it: the codecs' reordering. */
const SWALLOWED_LIMIT = 16;
/** Its picture belongs to no unit, and is not used. Ids begin with 1. */
const NO_UNIT = 0;

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
  /** A picture is larger than allowed, or the stream's pictures need more memory in another way. See `refusal`. */
  readonly onTooLarge: (needs: Needs) => void;
}

interface PendingUnit extends UnitState {
  readonly arrivedMs: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  readonly latenessMs: number;
  readonly hiddenMs: number;
  readonly ptsMs: number;
  /** The decoder would not notice that slices are missing. */
  readonly unproved: boolean;
}

/** Out of the decoder; published unless the same read brings a newer one. */
interface Candidate {
  readonly picture: Picture;
  readonly latenessMs: number;
  readonly concealed: boolean;
  /** Not published before the next unit shows that it is whole. */
  readonly unproved: boolean;
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
  readonly #wholeness: Wholeness;
  readonly #limit: PictureLimit;
  #format: SourceFormat | undefined;
  #decoder: VideoDecoder | undefined;
  /** Returns a frame to the decoder that it came from. Made once per decoder, so that a picture costs no closure. */
  #recycle: (frame: Frame) => void = () => undefined;
  /** Of the last connection's decoder. */
  #decoderName = 'software';
  #unitId = 0;
  /** Until the first picture of a connection. */
  #sets: ParameterSetWatch | undefined;
  #pictures = 0;
  /** Whether the decoder refused a unit since `begin`. */
  #refused = false;
  #remarkedOnDelay = false;
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
    const { mode, onLoss, maxPicture } = options.decode;
    this.#limit = new PictureLimit(maxPicture, options.onTooLarge);
    this.#wholeness = new Wholeness({ mode, onLoss, restart: () => this.#restart() });
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

  /** Why no picture has come since `begin`, as far as parameter sets are the reason; undefined otherwise. */
  get badParameterSets(): string | undefined {
    const missing = this.#sets?.missing;
    if (missing) return `the pictures need ${missing}, which the camera neither describes nor sends`;
    if (!this.#sets || !this.#refused || this.#wholeness.lost) return undefined;
    return 'the decoder refuses the pictures although nothing is lost: the SPS or PPS does not belong to them';
  }

  counters(): UnitCounters {
    return this.#ledger.counters();
  }

  /** A connection begins. The decoder is made with the first unit that is decoded. */
  begin(format: SourceFormat): void {
    this.#format = format;
    this.keyframes = 0;
    this.#refused = false;
    this.#wholeness.begin();
    this.#sets = isAnnexB(format) ? new ParameterSetWatch(format.codec) : undefined;
    this.#limit.begin(format);
    if (format.extradata) this.#sets?.see(format.extradata);
  }

  /**
   * Hot path: once per access unit. @param wanted Whether anything wants its picture. @param hiddenMs How much older than
   * its lateness says it may be.
   */
  push(unit: AccessUnit, latenessMs: number, wanted: boolean, hiddenMs: number): void {
    this.#measure(unit);
    // Looking through every unit costs, and without demand there may never be a first picture.
    if (wanted || unit.keyframe) this.#sets?.see(unit.data);
    if (this.#candidate?.unproved) this.#settle(this.#candidate, unit);
    if (unit.doubt === 'repeated') this.#disprove(unit);
    const reason = this.#wholeness.whySkipped(unit, wanted);
    if (reason) this.#ledger.skipped(reason);
    else if (this.#limit.refusesUnit(unit.data, this.#decoder === undefined)) this.#refuse();
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
    if (!candidate || candidate.unproved) return undefined;
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
    this.#wholeness.begin();
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

  #decode(unit: AccessUnit, latenessMs: number, hiddenMs: number): void {
    if (unit.keyframe) this.keyframes += 1;
    this.#unitId += 1;
    const id = this.#unitId;
    this.#wholeness.wentIn(id, unit.reference !== false);
    this.#units.set(id, this.#pendingUnit(unit, latenessMs, hiddenMs));
    this.#ledger.entered();
    const decoder = (this.#decoder ??= this.#openDecoder());
    if (this.#wholeness.recovery?.needsReference) this.#giveReference(decoder, unit, this.#wholeness.recovery);
    if (decoder.decode(unit.data, id) === 'error' && this.#units.delete(id)) this.#onRefused();
    this.#limit.refusesHeldBack(decoder.reorderDelay);
    // The next unit is a keyframe again, perhaps seconds later: nothing has to be held back for it.
    if (this.#o.decode.mode === 'keyframes' && decoder.reorderDelay > 0) this.#restart();
    this.#expireUnits(decoder);
  }

  /**
   * Without any reference libav drops the first picture after a recovery point of H.264, without an error. Decoded before, the same
   * picture is a reference: any will do, because what is whole later does not depend on it.
   */
  #giveReference(decoder: VideoDecoder, unit: AccessUnit, recovery: Recovery): void {
    recovery.needsReference = false;
    if (this.#format?.codec === 'h264') decoder.decode(unit.data, NO_UNIT);
  }

  #pendingUnit({ arrivedMs, ptsMs, doubt }: AccessUnit, latenessMs: number, hiddenMs: number): PendingUnit {
    const { clock, decode } = this.#o;
    // With slice threads libav does not report missing slices.
    const unproved = doubt === 'unproved' && decode.threads > 1;
    const { tainted, recovery } = this.#wholeness;
    const capturedMs = arrivedMs - latenessMs;
    const capturedWallMs = clock.wallMs() - (clock.nowMs() - capturedMs);
    return { arrivedMs, capturedMs, capturedWallMs, latenessMs, hiddenMs, ptsMs, unproved, tainted, recovery };
  }

  /** A unit that must not get into the decoder. */
  #refuse(): void {
    this.#ledger.entered();
    this.#ledger.failed();
  }

  /** The decoder refused a unit. */
  #onRefused(): void {
    this.#ledger.failed();
    this.#refused = true;
    this.#wholeness.refused();
  }

  #openDecoder(): VideoDecoder {
    const { threads, skipLoopFilter, hardware } = this.#o.decode;
    const decoder: VideoDecoder = new VideoDecoder({
      format: this.#format ?? { codec: 'h264', extradata: undefined, raw: undefined },
      threads,
      maxPixels: this.#limit.pixels,
      skipLoopFilter,
      hardware,
      onFallback: (sentence) => this.#o.onRemark(sentence),
      onPicture: (frame, unitId) => this.#onPicture(decoder, frame, unitId),
    });
    this.#recycle = (frame) => decoder.recycle(frame);
    return decoder;
  }

  /** What the decoder holds back comes out; what it still does not give by then never comes. */
  #restart(): void {
    this.#decoder?.restart();
    this.#ledger.failed(this.#units.size);
    this.#units.clear();
  }

  /** Gives up units that the decoder swallowed without a picture: more are in it than it may hold back. */
  #expireUnits(decoder: VideoDecoder): void {
    const limit = decoder.reorderDelay + decoder.hiddenDelay + 1;
    for (const [id, { recovery }] of this.#units) {
      // At a recovery point libav swallows pictures that are shown before it, and still has the one of the point itself.
      const slack = recovery && !recovery.done ? SWALLOWED_LIMIT : 0;
      if (this.#units.size <= limit + slack) return;
      recovery?.swallowed(id);
      this.#units.delete(id);
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
    const whole = this.#wholeness.cameOut(frame.decodeErrorFlags, unitId, unit, this.#units);
    if (this.#isUsable(frame, whole)) this.#propose(frame, unit, !whole);
    else {
      this.#ledger.failed();
      decoder.recycle(frame);
    }
    this.#remarkOnDelay(decoder);
  }

  #isUsable(frame: Frame, whole: boolean): boolean {
    if (!whole && this.#o.decode.onLoss === 'wait') return false;
    return !this.#limit.refuses(frame);
  }

  /** Pictures that the stream reorders come late, for as long as the camera is so configured. */
  #remarkOnDelay(decoder: VideoDecoder): void {
    this.#pictures += 1;
    const { reorderDelay } = decoder;
    if (this.#remarkedOnDelay || reorderDelay === 0 || this.#pictures < KNOWN_AFTER) return;
    this.#remarkedOnDelay = true;
    const ms = Math.round(reorderDelay * this.intervalMs);
    const delay = `B-frames: each picture comes ${reorderDelay} ${reorderDelay === 1 ? 'interval' : 'intervals'} (about ${ms} ms) later than without`;
    this.#o.onRemark(`${delay}; turn B-frames off in the camera (H.264: profile Baseline), or set its GOP to I and P`);
  }

  /** Makes a picture the candidate, in place of an older one. */
  #propose(frame: Frame, unit: PendingUnit, concealed: boolean): void {
    const { capturedMs, capturedWallMs, hiddenMs, arrivedMs, ptsMs, latenessMs, unproved } = unit;
    this.#width = frame.width;
    this.#height = frame.height;
    this.#sets = undefined;
    if (this.#candidate) this.#dropCandidate();
    const decodedMs = this.#o.clock.nowMs();
    const stamps = { capturedMs, capturedWallMs, hiddenMs, arrivedMs, decodedMs, ptsUs: Math.round(ptsMs * 1000) };
    this.#candidate = { picture: new Picture(frame, stamps, this.#recycle), latenessMs, concealed, unproved };
  }

  #measureGop(ptsMs: number): void {
    const before = this.#keyframePtsMs;
    this.#keyframePtsMs = ptsMs;
    if (before !== undefined && ptsMs > before && ptsMs - before < LONGEST_GOP_MS) this.#gopMs = ptsMs - before;
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#candidate && !this.#candidate.unproved) this.#publishCandidate();
  };

  /** The unit after a candidate that might lack slices. */
  #settle({ picture }: Candidate, { ptsMs, afterLoss }: AccessUnit): void {
    if (!afterLoss && Math.round(ptsMs * 1000) !== picture.stamps.ptsUs) this.#publishCandidate();
    else this.#dropCandidate();
  }

  /** The same unit came before, without some of its slices: where pictures are reordered, it is still in the decoder. */
  #disprove({ ptsMs }: AccessUnit): void {
    for (const [id, pending] of this.#units) {
      if (!pending.unproved || pending.ptsMs !== ptsMs) continue;
      this.#units.delete(id);
      this.#ledger.failed();
    }
  }

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

/** Whether units are made of NAL units. */
function isAnnexB({ codec }: SourceFormat): boolean {
  return codec === 'h264' || codec === 'hevc';
}
