import { boxesIn, type TrackBoxes } from '#core/footage';

/** One coded picture, or one coded unit of sound. Times in ticks of its track. */
export interface Sample {
  readonly trackId: number;
  /** Where its bytes begin, from the beginning of the `moof`, and how many there are. */
  readonly offset: number;
  readonly bytes: number;
  readonly decodedAt: number;
  readonly shownAt: number;
  readonly duration: number;
  readonly keyframe: boolean;
}

/** What a fragment holds of one track. Times in ticks of the track. */
export interface TrackPart {
  readonly trackId: number;
  /** Where the 8 bytes of its decode time (`tfdt`, version 1) are, from the beginning of the `moof`. */
  readonly timeAt: number;
  readonly samples: number;
  /** Decode times: of the first sample, of the last one, and behind it. */
  readonly decodedFrom: number;
  readonly decodedLast: number;
  readonly decodedEnd: number;
  /** When its first sample is shown, when the earliest one is, and when the last one is over. */
  readonly firstShown: number;
  readonly shownFrom: number;
  readonly shownEnd: number;
  /** Decoding can begin at its first sample. */
  readonly keyframe: boolean;
}

/** More samples than a fragment of ours ever has; beyond it, it is not one of ours. */
const SAMPLES_LIMIT = 20_000;
/** No decode time of ours is beyond it: 400 years of 90 kHz. */
const TIME_LIMIT = 2 ** 50;
/** sample_is_non_sync_sample (ISO/IEC 14496-12, 8.8.3.1). */
const NON_SYNC = 0x1_0000;
/** Flags of `tfhd` (8.8.7) and `trun` (8.8.8). */
const TFHD = { baseOffset: 0x1, description: 0x2, duration: 0x8, size: 0x10, flags: 0x20 };
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, shownOffset: 0x800 };

/**
 * Reads a `moof`; undefined when it makes no sense, or cannot be moved to another place or time as it is: with absolute offsets,
 * or decode times of 32 bits. vigia writes neither.
 *
 * @param moof The whole box. @param onSample Called for each sample, in the order of the file.
 */
export function readFragment(
  moof: Buffer,
  tracks: readonly TrackBoxes[],
  onSample?: (sample: Sample) => void,
): readonly TrackPart[] | undefined {
  const parts: TrackPart[] = [];
  try {
    for (const { type, body } of boxesIn(moof.subarray(8))) {
      if (type !== 'traf') continue;
      const part = new TrackReading(moof, tracks, onSample).read(body);
      if (!part || parts.some(({ trackId }) => trackId === part.trackId)) return undefined;
      parts.push(part);
    }
  } catch (error) {
    // A box that is shorter than it says.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return parts.length === 0 || sequenceAt(moof) === undefined ? undefined : parts;
}

/** Where the sequence number of a `moof` is, from its beginning; undefined when it has none. */
export function sequenceAt(moof: Buffer): number | undefined {
  for (const { type, body } of boxesIn(moof.subarray(8)))
    if (type === 'mfhd' && body.byteLength >= 8) return body.byteOffset - moof.byteOffset + 4;
  return undefined;
}

interface Defaults {
  readonly duration: number;
  readonly bytes: number;
  readonly flags: number;
}

/** Reads a `traf`. */
class TrackReading {
  readonly #moof: Buffer;
  readonly #tracks: readonly TrackBoxes[];
  readonly #onSample: ((sample: Sample) => void) | undefined;
  #trackId = 0;
  #defaults: Defaults = { duration: 0, bytes: 0, flags: 0 };
  #samples = 0;
  #at = 0;
  #last = 0;
  #offset = 0;
  #firstShown = 0;
  #from = Number.POSITIVE_INFINITY;
  #end = Number.NEGATIVE_INFINITY;
  #keyframe = false;

  constructor(moof: Buffer, tracks: readonly TrackBoxes[], onSample: ((sample: Sample) => void) | undefined) {
    this.#moof = moof;
    this.#tracks = tracks;
    this.#onSample = onSample;
  }

  /** @throws RangeError for a box that is shorter than it says. */
  read(traf: Buffer): TrackPart | undefined {
    const boxes = [...boxesIn(traf)];
    const head = boxes.find(({ type }) => type === 'tfhd')?.body;
    const time = boxes.find(({ type }) => type === 'tfdt')?.body;
    if (!head || !time || !this.#begin(head) || time[0] !== 1) return undefined;
    const decodedFrom = Number(time.readBigUInt64BE(4));
    if (decodedFrom > TIME_LIMIT) return undefined;
    this.#at = decodedFrom;
    for (const { type, body } of boxes) if (type === 'trun') this.#readRun(body);
    if (this.#samples === 0) return undefined;
    return {
      trackId: this.#trackId,
      timeAt: time.byteOffset - this.#moof.byteOffset + 4,
      samples: this.#samples,
      decodedFrom,
      decodedLast: this.#last,
      decodedEnd: this.#at,
      firstShown: this.#firstShown,
      shownFrom: this.#from,
      shownEnd: this.#end,
      keyframe: this.#keyframe,
    };
  }

  #begin(head: Buffer): boolean {
    const flags = head.readUIntBE(1, 3);
    this.#trackId = head.readUInt32BE(4);
    const track = this.#tracks.find(({ id }) => id === this.#trackId);
    if (!track || flags & TFHD.baseOffset) return false;
    const next = fieldsOf(head, 8, flags);
    next(TFHD.description);
    const duration = next(TFHD.duration) ?? track.sampleDuration;
    const bytes = next(TFHD.size) ?? 0;
    this.#defaults = { duration, bytes, flags: next(TFHD.flags) ?? track.sampleFlags };
    return true;
  }

  #readRun(run: Buffer): void {
    const flags = run.readUIntBE(1, 3);
    const count = run.readUInt32BE(4);
    if (this.#samples + count > SAMPLES_LIMIT) throw new RangeError('too many samples');
    const next = fieldsOf(run, 8, flags);
    const offset = next(TRUN.dataOffset);
    if (offset !== undefined) this.#offset = offset | 0;
    const firstFlags = next(TRUN.firstFlags);
    for (let i = 0; i < count; i += 1) {
      const duration = next(TRUN.duration) ?? this.#defaults.duration;
      const bytes = next(TRUN.size) ?? this.#defaults.bytes;
      const own = next(TRUN.flags) ?? (i === 0 ? firstFlags : undefined) ?? this.#defaults.flags;
      // Signed in version 1; version 0 has no negative ones.
      this.#add(duration, bytes, (own & NON_SYNC) === 0, (next(TRUN.shownOffset) ?? 0) | 0);
    }
  }

  #add(duration: number, bytes: number, keyframe: boolean, shownOffset: number): void {
    const shownAt = this.#at + shownOffset;
    if (this.#samples === 0) {
      this.#firstShown = shownAt;
      this.#keyframe = keyframe;
    }
    const trackId = this.#trackId;
    this.#onSample?.({ trackId, offset: this.#offset, bytes, decodedAt: this.#at, shownAt, duration, keyframe });
    this.#from = Math.min(this.#from, shownAt);
    this.#end = Math.max(this.#end, shownAt + duration);
    this.#last = this.#at;
    this.#at += duration;
    this.#offset += bytes;
    this.#samples += 1;
  }
}

/** Reads a box's optional fields of 32 bits, one after the other. */
function fieldsOf(box: Buffer, from: number, flags: number): (present: number) => number | undefined {
  let at = from;
  return (present) => {
    if (!(flags & present)) return undefined;
    at += 4;
    return box.readUInt32BE(at - 4);
  };
}
