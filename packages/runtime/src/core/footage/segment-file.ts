import { open, type FileHandle } from 'node:fs/promises';
import { type FragmentTimes, timesOfFragment, type TrackBoxes, tracksOf } from './movie-boxes.ts';
import { parseNote, type SegmentNote } from './segment-note.ts';

/** A `moof` with its `mdat`: what is written at once, and is whole or not there. */
export interface Fragment {
  /** Where it begins in the file, and its length. Bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Of the `moof` alone. */
  readonly headBytes: number;
  /** Its first video sample is a keyframe. */
  readonly keyframe: boolean;
  /** From the segment's first picture to this fragment's first and behind its last video sample. Milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Pictures. */
  readonly pictures: number;
}

/** A segment as its file shows it: what can be played, and nothing behind it. */
export interface Segment {
  readonly note: SegmentNote;
  /** Bytes of `ftyp` and `moov`, at the beginning of the file. */
  readonly initBytes: number;
  readonly tracks: readonly TrackBoxes[];
  /** When its first picture is shown, on the clock of the video track; undefined while there is none. */
  readonly originTicks: number | undefined;
  readonly fragments: readonly Fragment[];
  /** Behind the last whole fragment. */
  readonly bytes: number;
  /** Of the file: larger than `bytes` when its last fragment was cut off. */
  readonly fileBytes: number;
  /** How long its pictures last, milliseconds. */
  readonly durationMs: number;
}

interface Box {
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly head: number;
}

/** Largest `moov`, `moof` or note that is read. Bytes. */
const BOX_LIMIT = 4 * 1024 * 1024;
/** More boxes than any segment of ours has. */
const BOXES_LIMIT = 100_000;

/**
 * Reads what a segment's file holds. A file that ends in the middle of a fragment, as a killed recorder leaves it, is read
 * up to that fragment. Undefined when it is no segment of ours, or holds no whole fragment.
 *
 * @param known Nothing before this fragment is read again: what an earlier call returned for the same file.
 * @throws the file system's error.
 */
export async function readSegment(path: string, known?: Segment): Promise<Segment | undefined> {
  const file = await open(path, 'r');
  try {
    return await new SegmentReading(file).read(known);
  } finally {
    await file.close();
  }
}

class SegmentReading {
  readonly #file: FileHandle;
  #size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(known: Segment | undefined): Promise<Segment | undefined> {
    const { size } = await this.#file.stat();
    this.#size = size;
    const begun = known ?? (await this.#begin());
    if (!begun) return undefined;
    const video = begun.tracks.find(({ kind }) => kind === 'video');
    if (!video) return undefined;
    const fragments = [...begun.fragments];
    let { bytes, originTicks } = begun;
    for (let count = 0; count < BOXES_LIMIT; count += 1) {
      const moof = await this.#box(bytes);
      if (!moof) break;
      if (moof.type !== 'moof') {
        // Boxes between fragments, such as an index that a muxer wrote at the end, hold no pictures.
        if (moof.offset + moof.size > size || moof.type === 'mdat') break;
        bytes += moof.size;
        continue;
      }
      const mdat = await this.#box(moof.offset + moof.size);
      if (mdat?.type !== 'mdat' || mdat.offset + mdat.size > size) break;
      const times = timesOfFragment(await this.#body(moof), begun.tracks);
      if (!times) break;
      const pictures = times.get(video.id);
      originTicks ??= pictures?.firstShown;
      fragments.push(fragmentOf(pictures, originTicks ?? 0, video.timescale, moof, mdat));
      bytes = mdat.offset + mdat.size;
    }
    if (fragments.length === 0) return undefined;
    const durationMs = fragments.reduce((longest, { toMs }) => Math.max(longest, toMs), 0);
    return { ...begun, originTicks, fragments, bytes, fileBytes: size, durationMs };
  }

  /** Everything before the first fragment. */
  async #begin(): Promise<Segment | undefined> {
    let offset = 0;
    let initBytes = 0;
    let tracks: readonly TrackBoxes[] | undefined;
    for (let count = 0; count < 16; count += 1) {
      const box = await this.#box(offset);
      if (!box || offset + box.size > this.#size) return undefined;
      if (box.type === 'moov') {
        tracks = tracksOf(await this.#body(box));
        initBytes = offset + box.size;
      }
      const note = box.type === 'uuid' ? parseNote(await this.#body(box)) : undefined;
      offset += box.size;
      if (!note || !tracks) continue;
      const nothing = { originTicks: undefined, fragments: [], durationMs: 0 };
      return { note, initBytes, tracks, bytes: offset, fileBytes: this.#size, ...nothing };
    }
    return undefined;
  }

  async #box(offset: number): Promise<Box | undefined> {
    const head = await this.#bytes(offset, 16);
    if (head.byteLength < 8) return undefined;
    const short = head.readUInt32BE(0);
    const type = head.toString('latin1', 4, 8);
    if (short === 1 && head.byteLength < 16) return undefined;
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short;
    const length = short === 1 ? 16 : 8;
    return size < length || !Number.isSafeInteger(size) ? undefined : { type, offset, size, head: length };
  }

  /** The content of a box; empty when it is too large to be one of ours. */
  async #body({ offset, size, head }: Box): Promise<Buffer> {
    return size > BOX_LIMIT ? Buffer.alloc(0) : this.#bytes(offset + head, size - head);
  }

  async #bytes(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, this.#size - offset)));
    let filled = 0;
    while (filled < buffer.byteLength) {
      const { bytesRead } = await this.#file.read(buffer, filled, buffer.byteLength - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }
}

/** @param pictures Undefined for a fragment that has only sound. @param originTicks When the first picture is shown. */
function fragmentOf(
  pictures: FragmentTimes | undefined,
  originTicks: number,
  timescale: number,
  moof: Box,
  mdat: Box,
): Fragment {
  const ms = (ticks: number): number => ((ticks - originTicks) / timescale) * 1000;
  return {
    offset: moof.offset,
    bytes: moof.size + mdat.size,
    headBytes: moof.size,
    keyframe: pictures?.keyframe ?? false,
    fromMs: pictures ? ms(pictures.firstShown) : 0,
    toMs: pictures ? ms(pictures.shownEnd) : 0,
    pictures: pictures?.samples ?? 0,
  };
}
