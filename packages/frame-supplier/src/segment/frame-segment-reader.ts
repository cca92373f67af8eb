import { mapSharedFile, VigiaError } from '@vigia/base';
import {
  FORMAT_CODES,
  HEADER,
  type PixelFormat,
  roundUpToPage,
  SEGMENT_MAGIC,
  SEGMENT_MAX_SLOTS,
  SEGMENT_PAGE_BYTES,
  SEGMENT_STATE,
  SEGMENT_VERSION,
  SLOT,
  SLOT_ENTRY_BYTES,
  segmentDataOffset,
} from '@vigia/contracts';
import type { SegmentMemory } from './segment-memory.ts';

/** A frame in a slot. Times are milliseconds: monotonic, and since 1970 (UTC) for `capturedWallMs`. */
export interface FrameView {
  readonly frameId: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  /** Microseconds of the stream's own clock. */
  readonly ptsUs: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: PixelFormat;
  /** Offset in `pixels` and bytes per line of each plane. */
  readonly planes: readonly { readonly offset: number; readonly stride: number }[];
  /** The slot itself, not a copy; in another process it cannot be written. */
  readonly pixels: Buffer;
}

const FORMAT_NAMES: readonly (PixelFormat | undefined)[] = Object.entries(FORMAT_CODES).reduce<PixelFormat[]>(
  (names, [name, code]) => {
    names[code] = name as PixelFormat;
    return names;
  },
  [],
);

/** How a read ended. Only `ok` leaves a whole frame in the destination. */
export type ReadOutcome = 'ok' | 'expired' | 'invalid';

/**
 * Reads one frame segment, mapped read-only. Never trusts the writer: sizes of the header are checked against the file
 * before anything is read through them.
 */
export class FrameSegmentReader {
  readonly path: string;
  /** Which creation of the segment this is. A request for another epoch must not be answered from it. */
  readonly epoch: bigint;
  readonly slots: number;
  readonly #memory: SegmentMemory;
  readonly #words: BigInt64Array;
  readonly #stride: number;
  readonly #dataOffset: number;
  /** A private word whose read-modify-write orders the plain copies between two loads (ARM64 needs it, x86 has it). */
  readonly #fence: Int32Array = new Int32Array(1);
  #closed = false;

  private constructor(
    path: string,
    memory: SegmentMemory,
    header: { slots: number; stride: number; dataOffset: number },
  ) {
    this.path = path;
    this.#memory = memory;
    this.slots = header.slots;
    this.#stride = header.stride;
    this.#dataOffset = header.dataOffset;
    this.epoch = memory.bytes.readBigUInt64LE(HEADER.epoch);
    this.#words = new BigInt64Array(memory.bytes.buffer, memory.bytes.byteOffset, header.dataOffset / 8);
  }

  /**
   * Maps a segment.
   *
   * @throws VigiaError `frame_not_found` when there is none, `frame_invalid` when it is not a segment of this version or
   *   its header contradicts its size.
   */
  static open(path: string): FrameSegmentReader {
    return FrameSegmentReader.over(mapSharedFile(path));
  }

  /**
   * Reads a segment in memory that is there. The memory is retired with the reader, and when this throws.
   *
   * @throws VigiaError `frame_invalid`, see `open`.
   */
  static over(memory: SegmentMemory): FrameSegmentReader {
    try {
      return new FrameSegmentReader(memory.path, memory, checkHeader(memory.path, memory.bytes));
    } catch (error) {
      memory.retire();
      throw error;
    }
  }

  /** False once the writer closed the segment in order. */
  get live(): boolean {
    return !this.#closed && this.#memory.bytes.readUInt32LE(HEADER.state) === SEGMENT_STATE.live;
  }

  /** The newest complete frame, or undefined before the first. */
  head(): { readonly frameId: number; readonly slot: number } | undefined {
    const head = Number(Atomics.load(this.#words, HEADER.head / 8));
    return head === 0 ? undefined : { frameId: Math.floor(head / 4096), slot: head % 4096 };
  }

  /** The current generation of a slot: odd while it is being written. */
  generation(slot: number): bigint {
    return Atomics.load(this.#words, this.#entryWord(slot));
  }

  /**
   * Copies the pixels of a slot, at most as many as `into` holds, and tells whether they are the frame that was asked for.
   *
   * @param generation The generation from the reference; even.
   * @returns `expired` when the slot holds or is getting another frame (what was copied must not be used), `invalid`
   *   when there is no such slot or it holds fewer bytes than `into`.
   */
  read(slot: number, generation: bigint, into: Uint8Array): ReadOutcome {
    if (this.#closed || !(slot >= 0 && slot < this.slots)) return 'invalid';
    if ((generation & 1n) === 1n || generation === 0n) return 'invalid';
    const word = this.#entryWord(slot);
    if (Atomics.load(this.#words, word) !== generation) return 'expired';
    const entry = SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES;
    const byteLength = this.#memory.bytes.readUInt32LE(entry + SLOT.byteLength);
    const start = this.#dataOffset + slot * this.#stride;
    const fits = byteLength >= into.byteLength && byteLength <= this.#stride;
    if (fits) into.set(this.#memory.bytes.subarray(start, start + into.byteLength));
    // SYNC F: pairs with begin/commit of FrameSegmentWriter.
    Atomics.add(this.#fence, 0, 1);
    if (Atomics.load(this.#words, word) !== generation) return 'expired';
    return fits ? 'ok' : 'invalid';
  }

  /**
   * The frame in a slot, without a copy, or undefined when the slot does not hold that generation (any more). Look at
   * `holds` after using the pixels.
   *
   * @throws VigiaError `frame_invalid` when what the slot's entry says cannot be.
   */
  view(slot: number, generation: bigint): FrameView | undefined {
    if (this.#closed || !(slot >= 0 && slot < this.slots)) return undefined;
    if ((generation & 1n) === 1n || generation === 0n || this.generation(slot) !== generation) return undefined;
    const view = this.#readEntry(slot);
    if (!this.holds(slot, generation)) return undefined;
    // Not torn, so the writer meant it.
    if (!view)
      throw new VigiaError('frame_invalid', `${this.path}: the entry of slot ${slot} cannot be`, { path: this.path });
    return view;
  }

  /** Whether everything read from the slot so far belongs to this generation. */
  holds(slot: number, generation: bigint): boolean {
    // SYNC F: pairs with begin/commit of FrameSegmentWriter.
    Atomics.add(this.#fence, 0, 1);
    return !this.#closed && Atomics.load(this.#words, this.#entryWord(slot)) === generation;
  }

  #readEntry(slot: number): FrameView | undefined {
    const b = this.#memory.bytes;
    const at = SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES;
    const byteLength = b.readUInt32LE(at + SLOT.byteLength);
    const planeCount = b.readUInt32LE(at + SLOT.planeCount);
    const format = FORMAT_NAMES[b.readUInt32LE(at + SLOT.format)];
    if (byteLength > this.#stride || planeCount < 1 || planeCount > 3 || !format) return undefined;
    const planes = [];
    for (let p = at + SLOT.planes; planes.length < planeCount; p += 8)
      planes.push({ offset: b.readUInt32LE(p), stride: b.readUInt32LE(p + 4) });
    const start = this.#dataOffset + slot * this.#stride;
    return {
      frameId: readU64(b, at + SLOT.frameId),
      capturedMs: readU64(b, at + SLOT.capturedMonotonicNs) / 1e6,
      capturedWallMs: readU64(b, at + SLOT.capturedWallUs) / 1e3,
      ptsUs: Number(b.readBigInt64LE(at + SLOT.ptsUs)),
      width: b.readUInt32LE(at + SLOT.width),
      height: b.readUInt32LE(at + SLOT.height),
      format,
      planes,
      pixels: b.subarray(start, start + byteLength),
    };
  }

  /** Gives the mapping back. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.retire();
  }

  #entryWord(slot: number): number {
    return (SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES + SLOT.generation) / 8;
  }
}

function checkHeader(path: string, bytes: Buffer): { slots: number; stride: number; dataOffset: number } {
  const invalid = (what: string): VigiaError => new VigiaError('frame_invalid', `${path}: ${what}`, { path });
  if (bytes.byteLength < SEGMENT_PAGE_BYTES || bytes.toString('latin1', 0, 8) !== SEGMENT_MAGIC)
    throw invalid('not a frame segment');
  const version = bytes.readUInt32LE(HEADER.version);
  if (version !== SEGMENT_VERSION)
    throw invalid(`version ${version} of the segment layout, ${SEGMENT_VERSION} is understood`);
  const slots = bytes.readUInt32LE(HEADER.slotCount);
  const stride = Number(bytes.readBigUInt64LE(HEADER.slotStride));
  const dataOffset = Number(bytes.readBigUInt64LE(HEADER.dataOffset));
  const sane =
    slots >= 1 &&
    slots <= SEGMENT_MAX_SLOTS &&
    stride === roundUpToPage(stride) &&
    dataOffset === segmentDataOffset(slots) &&
    dataOffset + slots * stride <= bytes.byteLength;
  if (!sane) throw invalid('the header contradicts the size of the file');
  return { slots, stride, dataOffset };
}

/** A u64 as a number: exact up to 2^53, which is 104 days in nanoseconds and 1/8 µs off at a decade. */
function readU64(b: Buffer, at: number): number {
  return b.readUInt32LE(at) + b.readUInt32LE(at + 4) * 2 ** 32;
}
