/** What samples have that do not say otherwise (`trex`). */
export interface TrackDefaults {
  readonly sampleDuration: number;
  readonly sampleFlags: number;
}

/** A track, as its `trak` and `trex` describe it. */
export interface TrackBoxes extends TrackDefaults {
  readonly id: number;
  readonly kind: 'video' | 'audio';
  readonly timescale: number;
  readonly entry: string;
  readonly width: number;
  readonly height: number;
}

/** When the samples of one track in a fragment are decoded and shown. Ticks of the track. */
export interface FragmentTimes {
  readonly samples: number;
  /** The decode time of the first sample (`tfdt`), and what all samples last. */
  readonly decodedFrom: number;
  readonly duration: number;
  /** When its first sample is shown. */
  readonly firstShown: number;
  /** When the sample that is shown last is over. */
  readonly shownEnd: number;
  /** Decoding can begin at its first sample. */
  readonly keyframe: boolean;
}

/** More samples than a fragment of ours ever has; beyond it, it is not one of ours. */
const SAMPLES_LIMIT = 100_000;
/** sample_is_non_sync_sample (ISO/IEC 14496-12, 8.8.3.1). */
const NON_SYNC = 0x1_0000;

/** The boxes inside a box's content. Ends at the first one that does not fit. */
export function* boxesIn(body: Buffer): Generator<{ readonly type: string; readonly body: Buffer }> {
  for (let at = 0; at + 8 <= body.byteLength; ) {
    const size = body.readUInt32BE(at);
    if (size < 8 || at + size > body.byteLength) return;
    yield { type: body.toString('latin1', at + 4, at + 8), body: body.subarray(at + 8, at + size) };
    at += size;
  }
}

/** The content of the box at a path such as `mdia/minf/stbl/stsd`. */
export function boxAt(body: Buffer, path: string): Buffer | undefined {
  let found: Buffer | undefined = body;
  for (const type of path.split('/')) {
    if (!found) return undefined;
    found = firstOf(found, type);
  }
  return found;
}

/**
 * A copy of `ftyp` and `moov` without edit lists, which move the pictures of their own file only: each is turned into free space,
 * which changes no size.
 */
export function withoutEdits(init: Buffer): Buffer {
  const bytes = Buffer.from(init);
  for (const { type, body } of boxesIn(bytes)) {
    if (type !== 'moov') continue;
    for (const track of boxesIn(body))
      for (const part of track.type === 'trak' ? boxesIn(track.body) : [])
        if (part.type === 'edts') bytes.write('free', part.body.byteOffset - bytes.byteOffset - 4, 'latin1');
  }
  return bytes;
}

/** The video and audio tracks of a `moov`. Tracks that make no sense are left out. */
export function tracksOf(moov: Buffer): TrackBoxes[] {
  const defaults = new Map<number, TrackDefaults>();
  for (const { type, body } of boxesIn(boxAt(moov, 'mvex') ?? Buffer.alloc(0)))
    if (type === 'trex' && body.byteLength >= 24)
      defaults.set(body.readUInt32BE(4), { sampleDuration: body.readUInt32BE(12), sampleFlags: body.readUInt32BE(20) });
  return [...boxesIn(moov)].flatMap(({ type, body }) => {
    const track = type === 'trak' ? trackOf(body) : undefined;
    return track ? [{ ...track, ...(defaults.get(track.id) ?? { sampleDuration: 0, sampleFlags: 0 }) }] : [];
  });
}

/** The times of each track's samples in a `moof`; undefined when it makes no sense. */
export function timesOfFragment(moof: Buffer, tracks: readonly TrackBoxes[]): Map<number, FragmentTimes> | undefined {
  const times = new Map<number, FragmentTimes>();
  for (const { type, body } of boxesIn(moof)) {
    if (type !== 'traf') continue;
    const id = firstOf(body, 'tfhd')?.readUInt32BE(4);
    const track = tracks.find((one) => one.id === id);
    if (!track) return undefined;
    try {
      const of = trafTimes(body, track);
      if (of && !times.has(track.id)) times.set(track.id, of);
    } catch (error) {
      // A box that is shorter than it says.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
  return times.size === 0 ? undefined : times;
}

function firstOf(body: Buffer, type: string): Buffer | undefined {
  for (const box of boxesIn(body)) if (box.type === type) return box.body;
  return undefined;
}

function trackOf(trak: Buffer): Omit<TrackBoxes, keyof TrackDefaults> | undefined {
  const head = boxAt(trak, 'tkhd');
  const media = boxAt(trak, 'mdia/mdhd');
  const handler = boxAt(trak, 'mdia/hdlr')?.toString('latin1', 8, 12);
  const entries = boxAt(trak, 'mdia/minf/stbl/stsd');
  const kind = { vide: 'video', soun: 'audio' }[handler ?? ''] as 'video' | 'audio' | undefined;
  if (!head || !media || !entries || !kind || entries.byteLength < 16) return undefined;
  const long = head[0] === 1;
  const size = long ? 96 : 84;
  if (head.byteLength < size || media.byteLength < (media[0] === 1 ? 32 : 20)) return undefined;
  const timescale = media.readUInt32BE(media[0] === 1 ? 20 : 12);
  if (timescale === 0) return undefined;
  return {
    id: head.readUInt32BE(long ? 20 : 12),
    kind,
    timescale,
    entry: entries.toString('latin1', 12, 16),
    width: head.readUInt32BE(size - 8) / 65_536,
    height: head.readUInt32BE(size - 4) / 65_536,
  };
}

/** @throws RangeError for a box that is shorter than it says. */
function trafTimes(traf: Buffer, track: TrackBoxes): FragmentTimes | undefined {
  const head = firstOf(traf, 'tfhd');
  const decode = firstOf(traf, 'tfdt');
  if (!head || !decode) return undefined;
  const defaults = fragmentDefaults(head, track);
  const decodedFrom = decode[0] === 1 ? Number(decode.readBigUInt64BE(4)) : decode.readUInt32BE(4);
  const sum = new Samples(decodedFrom);
  for (const { type, body } of boxesIn(traf)) if (type === 'trun') readRun(body, defaults, sum);
  return sum.times();
}

/** `tfhd`: ISO/IEC 14496-12, 8.8.7. */
function fragmentDefaults(head: Buffer, track: TrackDefaults): TrackDefaults {
  const flags = head.readUIntBE(1, 3);
  let at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  const next = (present: number, otherwise: number): number => {
    if (!(flags & present)) return otherwise;
    at += 4;
    return head.readUInt32BE(at - 4);
  };
  const sampleDuration = next(0x8, track.sampleDuration);
  next(0x10, 0);
  return { sampleDuration, sampleFlags: next(0x20, track.sampleFlags) };
}

/** `trun`: ISO/IEC 14496-12, 8.8.8. */
function readRun(run: Buffer, defaults: TrackDefaults, sum: Samples): void {
  const flags = run.readUIntBE(1, 3);
  const count = run.readUInt32BE(4);
  if (count > SAMPLES_LIMIT) throw new RangeError('too many samples');
  let at = 8 + (flags & 0x1 ? 4 : 0);
  const firstFlags = flags & 0x4 ? run.readUInt32BE(at) : undefined;
  if (flags & 0x4) at += 4;
  const next = (present: number): number | undefined => {
    if (!(flags & present)) return undefined;
    at += 4;
    return run.readUInt32BE(at - 4);
  };
  for (let i = 0; i < count; i += 1) {
    const duration = next(0x100) ?? defaults.sampleDuration;
    next(0x200);
    const own = next(0x400) ?? (i === 0 ? firstFlags : undefined) ?? defaults.sampleFlags;
    // Signed in version 1; version 0 has no negative ones.
    sum.add(duration, (next(0x800) ?? 0) | 0, (own & NON_SYNC) === 0);
  }
}

/** Adds up the samples of a fragment. */
class Samples {
  readonly #from: number;
  #at: number;
  #count = 0;
  #first = 0;
  #end = Number.NEGATIVE_INFINITY;
  #keyframe = false;

  constructor(from: number) {
    this.#from = from;
    this.#at = from;
  }

  add(duration: number, offset: number, sync: boolean): void {
    const shown = this.#at + offset;
    if (this.#count === 0) {
      this.#first = shown;
      this.#keyframe = sync;
    }
    this.#end = Math.max(this.#end, shown + duration);
    this.#at += duration;
    this.#count += 1;
  }

  times(): FragmentTimes | undefined {
    if (this.#count === 0) return undefined;
    return {
      samples: this.#count,
      decodedFrom: this.#from,
      duration: this.#at - this.#from,
      firstShown: this.#first,
      shownEnd: this.#end,
      keyframe: this.#keyframe,
    };
  }
}
