import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { type Clock, codeOf, createSharedFile, VigiaError } from '@vigia/base';
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
  segmentBytes,
  segmentDataOffset,
} from '@vigia/contracts';
import { putU64, type SegmentMemory } from './segment-memory.ts';

/** Options of {@link FrameSegmentWriter.create}. */
export interface FrameSegmentOptions {
  /** `/dev/shm/vigia_<instance>_frames_<camera>_<rendition>`; between threads, a name for messages. */
  readonly path: string;
  /** 2..4095; at least 4 in practice. */
  readonly slots: number;
  /** Most pixel bytes of one frame. */
  readonly slotBytes: number;
  readonly clock: Clock;
}

/** Shape of a frame's pixels. */
export interface FrameShape {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: PixelFormat;
  /** Offset in the slot and bytes per line of each plane: 1 to 3. */
  readonly planes: readonly { readonly offset: number; readonly stride: number }[];
  /** Bytes of pixels. */
  readonly byteLength: number;
}

/** Metadata written beside the pixels. */
export interface FrameStamp {
  /** Publish sequence. */
  readonly frameId: number;
  /** Monotonic milliseconds. */
  readonly capturedMs: number;
  /** Milliseconds since 1970; 0 when unknown. */
  readonly capturedWallMs: number;
  /** Microseconds of the stream's own clock, an integer; 0 when unknown. */
  readonly ptsUs: number;
  /** Written only when the object differs from the slot's previous one: pass the same object. */
  readonly shape: FrameShape;
}

/**
 * The only writer of a frame segment. Creates and owns the file: `close` marks it closed, unlinks it and frees the
 * memory; readers keep their mapping until they retire it.
 *
 * Write protocol (seqlock): `begin` makes the slot's generation odd, the caller writes pixels into the returned view,
 * `commit` writes the stamp and makes the generation even, `announce` moves `head`.
 */
export class FrameSegmentWriter {
  readonly path: string;
  readonly slots: number;
  readonly slotBytes: number;
  /** Random per creation. */
  readonly epoch: bigint;
  /** Size of the file. */
  readonly totalBytes: number;
  readonly #memory: SegmentMemory;
  readonly #remove: () => void;
  readonly #words: BigInt64Array;
  readonly #words32: Int32Array;
  /** Current content of each slot's entry. */
  readonly #shapes: (FrameShape | undefined)[];
  readonly #views: (Buffer | undefined)[];
  readonly #clock: Clock;
  #closed = false;

  private constructor(options: FrameSegmentOptions, memory: SegmentMemory, remove: () => void) {
    this.path = options.path;
    this.slots = options.slots;
    this.slotBytes = options.slotBytes;
    this.totalBytes = memory.bytes.byteLength;
    // 53 bits, so that it is also exact as a number.
    this.epoch = (randomBytes(8).readBigUInt64LE() >> 11n) | 1n;
    this.#shapes = Array.from({ length: options.slots }, () => undefined);
    this.#views = Array.from({ length: options.slots }, () => undefined);
    this.#memory = memory;
    this.#remove = remove;
    this.#clock = options.clock;
    const { buffer, byteOffset } = memory.bytes;
    const headBytes = segmentDataOffset(options.slots);
    this.#words = new BigInt64Array(buffer, byteOffset, headBytes / 8);
    this.#words32 = new Int32Array(buffer, byteOffset, headBytes / 4);
  }

  /**
   * Creates the segment and allocates its space up front.
   *
   * @throws VigiaError `shm_full`, `shm_exists`, `shm_create`; `segment_geometry` for impossible sizes.
   */
  static create(options: FrameSegmentOptions): FrameSegmentWriter {
    checkGeometry(options);
    const { path } = options;
    return FrameSegmentWriter.#begin(
      options,
      createSharedFile(path, segmentBytes(options.slots, options.slotBytes)),
      () => unlink(path),
    );
  }

  /**
   * Creates a segment in existing memory, zeroed and at least `segmentBytes(slots, slotBytes)` long: between threads.
   *
   * @throws VigiaError `segment_geometry` for impossible sizes.
   */
  static over(memory: SegmentMemory, options: FrameSegmentOptions): FrameSegmentWriter {
    checkGeometry(options);
    if (memory.bytes.byteLength < segmentBytes(options.slots, options.slotBytes))
      throw new VigiaError('segment_geometry', `${options.path}: the memory is too small`, { path: options.path });
    return FrameSegmentWriter.#begin(options, memory, () => undefined);
  }

  static #begin(options: FrameSegmentOptions, memory: SegmentMemory, remove: () => void): FrameSegmentWriter {
    const writer = new FrameSegmentWriter(options, memory, remove);
    writer.#writeHeader();
    return writer;
  }

  #writeHeader(): void {
    const b = this.#memory.bytes;
    b.writeUInt32LE(this.slots, HEADER.slotCount);
    b.writeBigUInt64LE(this.epoch, HEADER.epoch);
    b.writeBigUInt64LE(BigInt(roundUpToPage(this.slotBytes)), HEADER.slotStride);
    b.writeBigUInt64LE(BigInt(segmentDataOffset(this.slots)), HEADER.dataOffset);
    b.writeUInt32LE(process.pid, HEADER.writerPid);
    b.writeUInt32LE(SEGMENT_STATE.live, HEADER.state);
    b.writeUInt32LE(SEGMENT_VERSION, HEADER.version);
    this.heartbeat();
    // The magic last: a reader that finds it finds a complete header.
    b.write(SEGMENT_MAGIC, HEADER.magic, 'latin1');
  }

  /** Bytes from the start of the file to the pixels of a slot. */
  offsetOf(slot: number): number {
    return segmentDataOffset(this.slots) + slot * roundUpToPage(this.slotBytes);
  }

  /**
   * The slot's memory, for writing: at least `slotBytes`, up to the next page. Valid between `begin` and `commit`.
   *
   * @throws VigiaError `segment_closed`, `segment_geometry`, like every method with a slot.
   */
  view(slot: number): Buffer {
    this.#check(slot);
    const known = this.#views[slot];
    if (known) return known;
    const offset = this.offsetOf(slot);
    const view = this.#memory.bytes.subarray(offset, offset + roundUpToPage(this.slotBytes));
    this.#views[slot] = view;
    return view;
  }

  /** Marks the slot as being written (SYNC F: pairs with the two loads in FrameSegmentReader.read). */
  begin(slot: number): void {
    this.#check(slot);
    const at = entryWord(slot) + SLOT.generation / 4;
    if ((Atomics.load(this.#words32, at) & 1) === 0) Atomics.add(this.#words32, at, 1);
  }

  /**
   * Makes the slot readable by its new generation, which is returned. Call `announce` as well.
   *
   * @throws VigiaError `frame_too_large` when the frame is larger than a slot (the slot stays marked as being written),
   *   `segment_not_begun` without `begin`.
   */
  commit(slot: number, stamp: FrameStamp): number {
    this.#check(slot);
    const words = this.#words32;
    const at = entryWord(slot) + SLOT.generation / 4;
    const low = Atomics.load(words, at);
    if ((low & 1) === 0)
      throw new VigiaError('segment_not_begun', `${this.path}: slot ${slot} was committed without begin`, {
        path: this.path,
      });
    this.#writeStamp(slot, stamp);
    // The upper half first, every four billion writes: no reader accepts an odd generation.
    if (low === -1) Atomics.add(words, at + 1, 1);
    Atomics.add(words, at, 1);
    return ((low + 1) >>> 0) + (Atomics.load(words, at + 1) >>> 0) * 2 ** 32;
  }

  /**
   * Publishes the frame to readers that follow the segment's head, and writes the heartbeat. Separate from `commit`:
   * the receiver of the reference need not wait for it.
   */
  announce(slot: number, frameId: number): void {
    this.#check(slot);
    Atomics.store(this.#words, HEADER.head / 8, BigInt(frameId * 4096 + slot));
    Atomics.add(this.#words32, HEADER.doorbell / 4, 1);
    this.heartbeat();
  }

  /** Writes the heartbeat. */
  heartbeat(): void {
    if (this.#closed) return;
    Atomics.store(this.#words, HEADER.heartbeat / 8, BigInt(Math.round(this.#clock.nowMs() * 1e6)));
  }

  /** Marks the segment closed, unlinks it, frees the memory. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    Atomics.store(this.#words32, HEADER.state / 4, SEGMENT_STATE.closed);
    try {
      this.#remove();
    } finally {
      this.#memory.retire();
    }
  }

  #writeStamp(slot: number, stamp: FrameStamp): void {
    const words = this.#words32;
    const at = entryWord(slot);
    const { shape } = stamp;
    if (this.#shapes[slot] !== shape) this.#writeShape(slot, shape);
    putU64(words, at + SLOT.frameId / 4, stamp.frameId);
    putU64(words, at + SLOT.capturedMonotonicNs / 4, stamp.capturedMs * 1e6);
    putU64(words, at + SLOT.capturedWallUs / 4, stamp.capturedWallMs * 1e3);
    putU64(words, at + SLOT.ptsUs / 4, stamp.ptsUs);
  }

  #writeShape(slot: number, shape: FrameShape): void {
    if (shape.byteLength > this.slotBytes) {
      throw new VigiaError(
        'frame_too_large',
        `${this.path}: a frame of ${shape.byteLength} bytes, a slot holds ${this.slotBytes}`,
        { path: this.path },
      );
    }
    const words = this.#words32;
    const at = entryWord(slot);
    words[at + SLOT.width / 4] = shape.width;
    words[at + SLOT.height / 4] = shape.height;
    words[at + SLOT.format / 4] = FORMAT_CODES[shape.format];
    words[at + SLOT.planeCount / 4] = shape.planes.length;
    shape.planes.forEach(({ offset, stride }, i) => {
      words[at + SLOT.planes / 4 + i * 2] = offset;
      words[at + SLOT.planes / 4 + i * 2 + 1] = stride;
    });
    words[at + SLOT.byteLength / 4] = shape.byteLength;
    this.#shapes[slot] = shape;
  }

  #check(slot: number): void {
    if (this.#closed)
      throw new VigiaError('segment_closed', `${this.path}: the segment is closed`, { path: this.path });
    if (!(slot >= 0 && slot < this.slots)) {
      throw new VigiaError('segment_geometry', `${this.path}: slot ${slot}, there are ${this.slots}`, {
        path: this.path,
      });
    }
  }
}

/** Index of the first 32-bit word of a slot's entry. */
function entryWord(slot: number): number {
  return (SEGMENT_PAGE_BYTES + slot * SLOT_ENTRY_BYTES) / 4;
}

function checkGeometry({ path, slots, slotBytes }: FrameSegmentOptions): void {
  const slotsFit = Number.isInteger(slots) && slots >= 2 && slots <= SEGMENT_MAX_SLOTS;
  // A byte length is a u32.
  const bytesFit = Number.isInteger(slotBytes) && slotBytes >= 1 && slotBytes < 2 ** 32;
  if (slotsFit && bytesFit) return;
  throw new VigiaError(
    'segment_geometry',
    `${path}: ${slots} slots of ${slotBytes} bytes, 2 to 4095 slots of 1 byte to 4 GiB are allowed`,
    { path },
  );
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // Another process removed it first, with the same result.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
