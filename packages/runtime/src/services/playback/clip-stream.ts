import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { codeOf, VigiaError } from '@vigia/base';
import type { FootageView, TrackBoxes } from '#core/footage';
import type { Extent } from './clip-plan.ts';
import { readFragment, sequenceAt } from './movie-fragment.ts';
import { pieceNow } from './segments.ts';
import { boxHead, MOOF_LIMIT, readBytes, readHead } from './segment-map.ts';

/** Takes bytes of a clip, in order; resolves when it has room for more. The bytes do not change later. */
export type Sink = (bytes: Buffer) => Promise<void>;

/** What is read and sent at once, bytes. */
const CHUNK = 256 * 1024;

/** Fragments of files, with something before them. */
export interface Footage {
  readonly camera: string;
  readonly head: Buffer;
  /** Those of the fragments. */
  readonly tracks: readonly TrackBoxes[];
  readonly extents: readonly Extent[];
}

/** What of a body is sent: bytes, `to` not included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Sends bytes of planned footage. At most a `moof` or 256 KiB are in memory.
 *
 * @param view To find a file again that was moved.
 * @throws VigiaError `footage_changed` when a file is gone or not what was planned: what was sent is right, the rest is missing.
 */
export async function sendFootage(footage: Footage, view: FootageView, span: Span, sink: Sink): Promise<void> {
  const window = new Window(span, sink);
  await window.send(footage.head);
  for (const extent of footage.extents) {
    if (window.isOver) return;
    if (window.skips(extent.to - extent.from)) continue;
    await sendExtent(extent, footage, view, window);
  }
}

/** Passes on what lies in a range of bytes. */
class Window {
  readonly #from: number;
  readonly #to: number;
  readonly #sink: Sink;
  #at = 0;

  constructor({ from, to }: Span, sink: Sink) {
    this.#from = from;
    this.#to = to;
    this.#sink = sink;
  }

  get isOver(): boolean {
    return this.#at >= this.#to;
  }

  /** Whether the next bytes are all before the range; then they count as sent. */
  skips(bytes: number): boolean {
    if (this.#at + bytes > this.#from) return false;
    this.#at += bytes;
    return true;
  }

  /** How many of the next bytes are before the range: they need not be read. */
  get before(): number {
    return Math.max(0, this.#from - this.#at);
  }

  /** How many bytes up to the end of the range. */
  get left(): number {
    return Math.max(0, this.#to - this.#at);
  }

  async send(bytes: Buffer): Promise<void> {
    const some = bytes.subarray(Math.min(bytes.byteLength, this.before), Math.min(bytes.byteLength, this.left));
    this.#at += bytes.byteLength;
    if (some.byteLength > 0) await this.#sink(some);
  }
}

async function sendExtent(
  extent: Extent,
  { camera, tracks }: Footage,
  view: FootageView,
  window: Window,
): Promise<void> {
  const file = await openPiece(extent, camera, view);
  try {
    await new Sending(file, extent, tracks, window).run();
  } finally {
    await file.close();
  }
}

/** Opens the file of an extent. It may have got another name since it was planned: then the index knows it. */
async function openPiece(extent: Extent, camera: string, view: FootageView): Promise<FileHandle> {
  const { piece } = extent;
  const file = (await openIf(piece.path)) ?? (await openIf(pieceNow(view, camera, piece)?.path));
  if (!file) throw changed(`a recording of ${camera} was deleted`);
  const head = await readHead(file);
  if (head?.identity === extent.identity) return file;
  await file.close();
  throw changed(`a recording of ${camera} was replaced`);
}

async function openIf(path: string | undefined): Promise<FileHandle | undefined> {
  try {
    return path === undefined ? undefined : await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw changed(`a recording cannot be read (${codeOf(error) ?? 'unknown error'})`);
  }
}

function changed(why: string): VigiaError {
  return new VigiaError('footage_changed', `${why} while it was sent`);
}

/** Sends fragments of one file, with other times. */
class Sending {
  readonly #file: FileHandle;
  readonly #extent: Extent;
  readonly #tracks: readonly TrackBoxes[];
  readonly #window: Window;
  #at: number;
  #sequence: number;

  constructor(file: FileHandle, extent: Extent, tracks: readonly TrackBoxes[], window: Window) {
    this.#file = file;
    this.#extent = extent;
    this.#tracks = tracks;
    this.#window = window;
    this.#at = extent.from;
    this.#sequence = extent.sequence;
  }

  async run(): Promise<void> {
    while (this.#at < this.#extent.to && !this.#window.isOver) {
      const box = boxHead(await this.#read(this.#at, Math.min(16, this.#extent.to - this.#at)));
      if (!box || this.#at + box.size > this.#extent.to) throw changed('a recording was damaged');
      if (box.type === 'moof') await this.#sendMoof(box.size);
      else await this.#sendBox(box.size, box.type === 'mdat');
    }
  }

  async #sendMoof(bytes: number): Promise<void> {
    const from = this.#at;
    this.#at += bytes;
    const sequence = this.#sequence;
    this.#sequence += 1;
    if (this.#window.skips(bytes)) return;
    if (bytes > MOOF_LIMIT) throw changed('a recording was damaged');
    const moof = await this.#read(from, bytes);
    if (!moveFragment(moof, this.#tracks, this.#extent.shifts, sequence)) throw changed('a recording was damaged');
    await this.#window.send(moof);
  }

  /** Boxes that belong to no fragment become free space: an index of the whole file would be wrong in a clip. */
  async #sendBox(bytes: number, isData: boolean): Promise<void> {
    const end = this.#at + bytes;
    let isHead = true;
    while (this.#at < end && !this.#window.isOver) {
      const size = Math.min(CHUNK, end - this.#at);
      const from = this.#at;
      this.#at += size;
      if (!this.#window.skips(size)) {
        const chunk = await this.#read(from, size);
        if (isHead && !isData) chunk.write('free', 4, 'latin1');
        await this.#window.send(chunk);
      }
      isHead = false;
    }
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    const bytes = await readBytes(this.#file, offset, length);
    if (bytes.byteLength < length) throw changed('a recording was cut');
    return bytes;
  }
}

/**
 * Moves a fragment to another time, in place: its length stays the same.
 *
 * @returns Whether it could be done.
 */
export function moveFragment(
  moof: Buffer,
  tracks: readonly TrackBoxes[],
  shifts: ReadonlyMap<number, number>,
  sequence: number,
): boolean {
  const parts = readFragment(moof, tracks);
  const at = sequenceAt(moof);
  if (!parts || at === undefined) return false;
  moof.writeUInt32BE(sequence % 2 ** 32, at);
  for (const { trackId, timeAt, decodedFrom } of parts) {
    const shift = shifts.get(trackId);
    if (shift === undefined) return false;
    // Sound that was recorded before the first picture may begin before the clip.
    moof.writeBigUInt64BE(BigInt(Math.max(0, decodedFrom + shift)), timeAt);
  }
  return true;
}
