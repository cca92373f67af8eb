import { type FileHandle, open } from 'node:fs/promises';
import { boxesIn, parseNote, type SegmentNote, type TrackBoxes } from '#core/footage';
import { readFragment, type TrackPart } from './movie-fragment.ts';
import { digest, type MovieInit, readInit } from './movie-init.ts';

/** A `moof` and its `mdat`. Times in milliseconds since the segment's first picture is shown. */
export interface MappedFragment {
  /** Where it begins in the file, and its length. Bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Of the `moof`. */
  readonly headBytes: number;
  /** Its first picture is a keyframe. */
  readonly keyframe: boolean;
  /** When its first picture is shown: that of a keyframe, if it has one. */
  readonly firstMs: number;
  /** When the earliest of its pictures is shown, and when the last one is over. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Pictures. 0: it has only sound. */
  readonly pictures: number;
  readonly parts: readonly TrackPart[];
}

/** Where everything is in a segment's file. */
export interface SegmentMap {
  readonly note: SegmentNote;
  readonly init: MovieInit;
  /** When the first picture is shown, ticks of the video track. */
  readonly originTicks: number;
  readonly fragments: readonly MappedFragment[];
  /** Behind the note: where fragments begin. Bytes. */
  readonly dataFrom: number;
  /** Behind the last whole fragment. Bytes. */
  readonly bytes: number;
  /** Names the content of the file before `dataFrom`: another file at the same path has another one. */
  readonly identity: string;
}

/**
 * What is added to decode times of a track, ticks, so that they are wall time since a moment. It is the same time for all
 * tracks, so that sound stays with its pictures.
 *
 * @param zeroMs The moment, milliseconds since 1970.
 */
export function shiftTo({ note, init, originTicks }: SegmentMap, track: TrackBoxes, zeroMs: number): number {
  const seconds = (note.start_ms - zeroMs) / 1000 - originTicks / init.video.timescale;
  return Math.round(seconds * track.timescale);
}

/** Everything before the first fragment, at most. Bytes. */
export const HEAD_LIMIT: number = 256 * 1024;
/** Largest `moof`, bytes. */
export const MOOF_LIMIT: number = 512 * 1024;
/** Most boxes in a file. */
const BOXES_LIMIT = 400_000;
/** What is read at once where a fragment begins: usually its whole `moof`. Bytes. */
const LOOK = 4096;
/** Pictures of a segment are shown within these times of its first one. Milliseconds. */
const SHOWN = { least: -10_000, most: 26 * 3_600_000 };

/** The type and size of a box. */
export interface BoxHead {
  readonly type: string;
  readonly size: number;
  /** Of the header. */
  readonly head: number;
}

/** Reads the header of a box; undefined when it makes no sense. @param at Where it begins in `bytes`. */
export function boxHead(bytes: Buffer, at = 0): BoxHead | undefined {
  if (bytes.byteLength < at + 8) return undefined;
  const short = bytes.readUInt32BE(at);
  if (short === 1 && bytes.byteLength < at + 16) return undefined;
  const size = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
  const head = short === 1 ? 16 : 8;
  if (size < head || !Number.isSafeInteger(size)) return undefined;
  return { type: bytes.toString('latin1', at + 4, at + 8), size, head };
}

/** Reads up to `length` bytes; fewer at the end of the file. */
export async function readBytes(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** What is before the first fragment of a segment. */
export type SegmentHead = Pick<SegmentMap, 'note' | 'init' | 'dataFrom' | 'identity'>;

/** Reads everything before the first fragment; undefined when it is no segment of ours. */
export async function readHead(file: FileHandle): Promise<SegmentHead | undefined> {
  const bytes = await readBytes(file, 0, HEAD_LIMIT);
  let init: MovieInit | undefined;
  let at = 0;
  for (const { type, body } of boxesIn(bytes)) {
    at = body.byteOffset - bytes.byteOffset + body.byteLength;
    if (type === 'moof') return undefined;
    if (type === 'moov') init = readInit(bytes.subarray(0, at), body);
    const note = type === 'uuid' ? parseNote(body) : undefined;
    if (note && init) return { note, init, dataFrom: at, identity: digest([bytes.subarray(0, at)]) };
  }
  return undefined;
}

/**
 * Maps a segment's file up to its last whole fragment. Undefined when it is no segment of ours, or has no picture yet.
 *
 * @param known Continues where it ended: what an earlier call returned for the same file.
 * @throws the file system's error.
 */
export async function mapSegment(path: string, known?: SegmentMap): Promise<SegmentMap | undefined> {
  const file = await open(path, 'r');
  try {
    const head = known ?? (await readHead(file));
    if (!head) return undefined;
    const mapping = new Mapping(file, head, known);
    await mapping.read((await file.stat()).size);
    return mapping.result();
  } finally {
    await file.close();
  }
}

class Mapping {
  readonly #file: FileHandle;
  readonly #head: SegmentHead;
  readonly #fragments: MappedFragment[];
  #origin: number | undefined;
  #bytes: number;

  constructor(file: FileHandle, head: SegmentHead, known: SegmentMap | undefined) {
    this.#file = file;
    this.#head = head;
    this.#fragments = [...(known?.fragments ?? [])];
    this.#origin = known?.originTicks;
    this.#bytes = known?.bytes ?? head.dataFrom;
  }

  result(): SegmentMap | undefined {
    if (this.#origin === undefined) return undefined;
    const { note, init, dataFrom, identity } = this.#head;
    const fragments = this.#fragments;
    return { note, init, dataFrom, identity, originTicks: this.#origin, fragments, bytes: this.#bytes };
  }

  async read(size: number): Promise<void> {
    let at = this.#bytes;
    for (let count = 0; count < BOXES_LIMIT && at < size; count += 1) {
      const look = await readBytes(this.#file, at, LOOK);
      const box = boxHead(look);
      if (!box || at + box.size > size || box.type === 'mdat') return;
      const bytes = box.type === 'moof' ? await this.#fragment(look, box, at, size) : box.size;
      if (bytes === undefined) return;
      at += bytes;
      // Boxes between fragments, such as an index that a muxer wrote at the end, hold no pictures.
      if (box.type === 'moof') this.#bytes = at;
    }
  }

  /** Returns the length of a fragment; undefined when it is not whole, or makes no sense. */
  async #fragment(look: Buffer, box: BoxHead, offset: number, size: number): Promise<number | undefined> {
    if (box.size > MOOF_LIMIT || box.head !== 8) return undefined;
    const known = box.size + 16 <= look.byteLength;
    const bytes = known ? look : await readBytes(this.#file, offset, box.size + 16);
    const data = boxHead(bytes, box.size);
    if (data?.type !== 'mdat' || offset + box.size + data.size > size) return undefined;
    const parts = readFragment(bytes.subarray(0, box.size), this.#head.init.tracks);
    const fragment = parts && this.#placed(parts, { offset, headBytes: box.size, bytes: box.size + data.size });
    if (!fragment) return undefined;
    this.#fragments.push(fragment);
    return fragment.bytes;
  }

  #placed(
    parts: readonly TrackPart[],
    place: Pick<MappedFragment, 'offset' | 'bytes' | 'headBytes'>,
  ): MappedFragment | undefined {
    const { id, timescale } = this.#head.init.video;
    const pictures = parts.find(({ trackId }) => trackId === id);
    if (!pictures) return { ...place, parts, keyframe: false, pictures: 0, ...this.#soundTimes(parts) };
    const origin = this.#origin ?? pictures.firstShown;
    const ms = (ticks: number): number => ((ticks - origin) / timescale) * 1000;
    const [fromMs, toMs] = [ms(pictures.shownFrom), ms(pictures.shownEnd)];
    if (fromMs < SHOWN.least || toMs > SHOWN.most) return undefined;
    this.#origin = origin;
    const { keyframe, samples, firstShown } = pictures;
    return { ...place, parts, keyframe, pictures: samples, firstMs: ms(firstShown), fromMs, toMs };
  }

  /** A fragment without pictures lies behind those of the one before it. */
  #soundTimes(parts: readonly TrackPart[]): Pick<MappedFragment, 'firstMs' | 'fromMs' | 'toMs'> {
    const before = this.#fragments.at(-1)?.toMs ?? 0;
    const { tracks, video } = this.#head.init;
    const ends = parts.map(({ trackId, decodedEnd }) => {
      const scale = tracks.find((track) => track.id === trackId)?.timescale ?? 1;
      return (decodedEnd / scale - (this.#origin ?? 0) / video.timescale) * 1000;
    });
    return { firstMs: before, fromMs: before, toMs: Math.max(before, Math.min(SHOWN.most, ...ends)) };
  }
}
