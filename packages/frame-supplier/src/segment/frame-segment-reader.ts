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
import type { FrameShape } from './frame-segment-writer.ts';
import { getI64, getU64, type SegmentMemory } from './segment-memory.ts';

/**
 * A frame in a slot: its pixels, and the fields of its entry, read on access. Check `holds` afterwards. Times are
 * milliseconds: monotonic, and since 1970 (UTC) for `capturedWallMs`.
 */
export interface FrameView {
  readonly frameId: number;
  readonly capturedMs: number;
  readonly capturedWallMs: number;
  /** Microseconds of the stream's own clock. */
  readonly ptsUs: number;
  /** Shape of the pixels; validated. */
  readonly shape: FrameShape;
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

/** Outcome of a read. Only `ok` leaves a whole frame in the destination. */
export type ReadOutcome = 'ok' | 'expired' | 'invalid';

/**
 * Reads one frame segment, mapped read-only. Never trusts the writer: the sizes in the header are checked against the
 * file before they are used.
 */
export class FrameSegmentReader {
  readonly path: string;
  /** Identifies this creation of the segment. A request with another epoch must not be answered from it. */
  readonly epoch: bigint;
  /** The same as a number, for comparison: exact for our own epochs, which have 53 bits. */
  readonly epochNumber: number;
  readonly slots: number;
  readonly #memory: SegmentMemory;
  readonly #words: BigInt64Array;
  readonly #words32: Int32Array;
  /** Shapes of earlier frames: sizes hardly ever change within a segment. */
  readonly #shapes: ({ readonly words: Int32Array; readonly shape: FrameShape } | undefined)[] = [];
  readonly #pixels: (Buffer | undefined)[] = [];
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
    this.epochNumber = Number(this.epoch);
    this.#words = new BigInt64Array(memory.bytes.buffer, memory.bytes.byteOffset, header.dataOffset / 8);
    this.#words32 = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, header.dataOffset / 4);
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
   * Reads a segment in existing memory, which is retired with the reader, and when this throws.
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

  /** False once the writer has closed the segment properly. */
  get live(): boolean {
    return !this.#closed && this.#memory.bytes.readUInt32LE(HEADER.state) === SEGMENT_STATE.live;
  }

  /** The newest complete frame, or undefined before the first. */
  head(): { readonly frameId: number; readonly slot: number } | undefined {
    const head = Number(Atomics.load(this.#words, HEADER.head / 8));
    return head === 0 ? undefined : { frameId: Math.floor(head / 4096), slot: head % 4096 };
  }

  /** The current generation of a slot: odd while it is being written. */
  generation(slot: number): number {
    const at = entryWord(slot) + SLOT.generation / 4;
    return (Atomics.load(this.#words32, at) >>> 0) + (Atomics.load(this.#words32, at + 1) >>> 0) * 2 ** 32;
  }

  /**
   * Copies the pixels of a slot, at most as many as `into` can hold, and checks that they are the requested frame.
   *
   * @param generation The generation from the reference; even.
   * @returns `expired` when the slot holds or is receiving another frame (the copy must not be used), `invalid` when
   *   there is no such slot or it holds fewer bytes than `into`.
   */
  read(slot: number, generation: number, into: Uint8Array): ReadOutcome {
    if (this.#closed || !(slot >= 0 && slot < this.slots)) return 'invalid';
    if (!(generation > 0) || generation % 2 === 1) return 'invalid';
    if (this.generation(slot) !== generation) return 'expired';
    const entry = SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES;
    const byteLength = this.#memory.bytes.readUInt32LE(entry + SLOT.byteLength);
    const start = this.#dataOffset + slot * this.#stride;
    const fits = byteLength >= into.byteLength && byteLength <= this.#stride;
    if (fits) into.set(this.#memory.bytes.subarray(start, start + into.byteLength));
    if (!this.holds(slot, generation)) return 'expired';
    return fits ? 'ok' : 'invalid';
  }

  /**
   * The frame in a slot, without a copy, or undefined when the slot does not hold that generation (any more). Check
   * `holds` after using the pixels.
   *
   * @throws VigiaError `frame_invalid` when the slot's entry is inconsistent.
   */
  view(slot: number, generation: number): FrameView | undefined {
    if (this.#closed || !(slot >= 0 && slot < this.slots)) return undefined;
    if (generation % 2 === 1 || generation === 0 || this.generation(slot) !== generation) return undefined;
    const shape = this.#shapeOf(slot);
    const words = this.#words32;
    const at = entryWord(slot);
    const view: FrameView = {
      frameId: getU64(words, at + SLOT.frameId / 4),
      capturedMs: getU64(words, at + SLOT.capturedMonotonicNs / 4) / 1e6,
      capturedWallMs: getU64(words, at + SLOT.capturedWallUs / 4) / 1e3,
      ptsUs: getI64(words, at + SLOT.ptsUs / 4),
      shape: shape ?? NO_SHAPE,
      pixels: this.#pixelsOf(slot, shape?.byteLength ?? 0),
    };
    if (!this.holds(slot, generation)) return undefined;
    // Not torn, so the writer wrote exactly this.
    if (!shape)
      throw new VigiaError('frame_invalid', `${this.path}: the entry of slot ${slot} cannot be`, { path: this.path });
    return view;
  }

  /** Whether everything read from the slot so far belongs to this generation. */
  holds(slot: number, generation: number): boolean {
    // SYNC F: pairs with begin/commit of FrameSegmentWriter.
    Atomics.add(this.#fence, 0, 1);
    return !this.#closed && this.generation(slot) === generation;
  }

  /** The shape in the slot's entry, validated; the previous object when it is unchanged. */
  #shapeOf(slot: number): FrameShape | undefined {
    const words = this.#words32;
    const first = entryWord(slot) + SLOT.width / 4;
    const known = this.#shapes[slot];
    if (known && sameWords(words, first, known.words)) return known.shape;
    const found = words.slice(first, first + SHAPE_WORDS);
    const shape = parseShape(found, this.#stride);
    this.#shapes[slot] = shape && { words: found, shape };
    return shape;
  }

  #pixelsOf(slot: number, byteLength: number): Buffer {
    const known = this.#pixels[slot];
    if (known?.byteLength === byteLength) return known;
    const start = this.#dataOffset + slot * this.#stride;
    const pixels = this.#memory.bytes.subarray(start, start + byteLength);
    this.#pixels[slot] = pixels;
    return pixels;
  }

  /** Releases the mapping. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.retire();
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

/** The words of an entry from `width` to `byteLength`. */
const SHAPE_WORDS = (SLOT.byteLength - SLOT.width) / 4 + 1;
const NO_SHAPE: FrameShape = { width: 0, height: 0, format: 'GRAY8', planes: [], byteLength: 0 };

function sameWords(words: Int32Array, first: number, known: Int32Array): boolean {
  for (let i = 0; i < known.length; i += 1) if (words[first + i] !== known[i]) return false;
  return true;
}

/** Undefined when it is inconsistent. */
function parseShape(words: Int32Array, stride: number): FrameShape | undefined {
  const word = (field: number): number => (words[(field - SLOT.width) / 4] ?? 0) >>> 0;
  const byteLength = word(SLOT.byteLength);
  const planeCount = word(SLOT.planeCount);
  const format = FORMAT_NAMES[word(SLOT.format)];
  if (byteLength > stride || planeCount < 1 || planeCount > 3 || !format) return undefined;
  const planes = Array.from({ length: planeCount }, (_, i) => ({
    offset: word(SLOT.planes + i * 8),
    stride: word(SLOT.planes + i * 8 + 4),
  }));
  if (planes.some(({ offset, stride: line }) => line < 1 || offset + line > byteLength)) return undefined;
  return { width: word(SLOT.width), height: word(SLOT.height), format, planes, byteLength };
}

/** Index of the first 32-bit word of a slot's entry. */
function entryWord(slot: number): number {
  return (SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES) / 4;
}
