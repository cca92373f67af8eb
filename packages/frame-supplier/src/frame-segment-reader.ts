import { mapSharedFile, type SharedMapping, VigiaError } from '@vigia/base';
import {
  HEADER,
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
  readonly #mapping: SharedMapping;
  readonly #words: BigInt64Array;
  readonly #stride: number;
  readonly #dataOffset: number;
  /** A private word whose read-modify-write orders the plain copies between two loads (ARM64 needs it, x86 has it). */
  readonly #fence: Int32Array = new Int32Array(1);
  #closed = false;

  private constructor(
    path: string,
    mapping: SharedMapping,
    header: { slots: number; stride: number; dataOffset: number },
  ) {
    this.path = path;
    this.#mapping = mapping;
    this.slots = header.slots;
    this.#stride = header.stride;
    this.#dataOffset = header.dataOffset;
    this.epoch = mapping.bytes.readBigUInt64LE(HEADER.epoch);
    this.#words = new BigInt64Array(mapping.bytes.buffer, mapping.bytes.byteOffset, header.dataOffset / 8);
  }

  /**
   * Maps a segment.
   *
   * @throws VigiaError `frame_not_found` when there is none, `frame_invalid` when it is not a segment of this version or
   *   its header contradicts its size.
   */
  static open(path: string): FrameSegmentReader {
    const mapping = mapSharedFile(path);
    try {
      return new FrameSegmentReader(path, mapping, checkHeader(path, mapping.bytes));
    } catch (error) {
      mapping.retire();
      throw error;
    }
  }

  /** False once the writer closed the segment in order. */
  get live(): boolean {
    return !this.#closed && this.#mapping.bytes.readUInt32LE(HEADER.state) === SEGMENT_STATE.live;
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
    const byteLength = this.#mapping.bytes.readUInt32LE(entry + SLOT.byteLength);
    const start = this.#dataOffset + slot * this.#stride;
    const fits = byteLength >= into.byteLength && byteLength <= this.#stride;
    if (fits) into.set(this.#mapping.bytes.subarray(start, start + into.byteLength));
    // SYNC F: pairs with begin/commit of FrameSegmentWriter.
    Atomics.add(this.#fence, 0, 1);
    if (Atomics.load(this.#words, word) !== generation) return 'expired';
    return fits ? 'ok' : 'invalid';
  }

  /** Gives the mapping back. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#mapping.retire();
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
