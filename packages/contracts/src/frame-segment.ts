import type { PixelFormat } from './container-protocol.ts';

/**
 * Byte layout of a frame segment (docs/protocol/frame-segment.md). Little-endian; one writer, any number of read-only
 * readers. `header page | slot table | slot 0 data | slot 1 data | …`
 */

/** "VIGIAFRM" */
export const SEGMENT_MAGIC = 'VIGIAFRM';
/** Layout version. A reader refuses any other. */
export const SEGMENT_VERSION = 1;
/** Data starts and slots are multiples of this. */
export const SEGMENT_PAGE_BYTES = 4096;
/** Slots per segment: `head` keeps the slot in 12 bits. */
export const SEGMENT_MAX_SLOTS = 4095;

/** Offsets in the header page, in bytes. */
export const HEADER = {
  /** 8 bytes ASCII {@link SEGMENT_MAGIC}. */
  magic: 0,
  /** u32 {@link SEGMENT_VERSION}. */
  version: 8,
  /** u32 number of slots. */
  slotCount: 12,
  /** u64 random per creation: distinguishes a segment from its successor of the same name. */
  epoch: 16,
  /** u64 bytes from one slot's data to the next. */
  slotStride: 24,
  /** u64 bytes from the start of the file to slot 0's data. */
  dataOffset: 32,
  /** u32 process id of the writer. */
  writerPid: 40,
  /** u32 1 = live, 2 = closed by its writer. */
  state: 44,
  /** u64 frame id × 4096 + slot of the newest complete frame; 0 before the first. */
  head: 48,
  /** u32 incremented after `head` (the word of a futex). */
  doorbell: 56,
  /** u64 monotonic ns of the writer's last heartbeat. */
  heartbeat: 64,
} as const;

/** Values of {@link HEADER}.state. */
export const SEGMENT_STATE = { live: 1, closed: 2 } as const;

/** Bytes per entry of the slot table, which begins at {@link SEGMENT_PAGE_BYTES}. */
export const SLOT_ENTRY_BYTES = 128;

/** Offsets in an entry of the slot table, in bytes. */
export const SLOT = {
  /** u64 seqlock: odd while the slot is being written, 0 = never written. */
  generation: 0,
  /** u64 publish sequence. */
  frameId: 8,
  /** u64 CLOCK_MONOTONIC ns. */
  capturedMonotonicNs: 16,
  /** i64 µs since 1970, UTC. */
  capturedWallUs: 24,
  /** i64 µs of the stream's own clock. */
  ptsUs: 32,
  /** u32 pixels. */
  width: 40,
  /** u32 pixels. */
  height: 44,
  /** u32, see {@link FORMAT_CODES}. */
  format: 48,
  /** u32 1..3. */
  planeCount: 52,
  /** 3 × (u32 offset from the slot's data, u32 bytes per line). */
  planes: 56,
  /** u32 bytes of pixels in the slot. */
  byteLength: 80,
} as const;

/** Pixel formats as numbers. */
export const FORMAT_CODES: Readonly<Record<PixelFormat, number>> = { NV12: 1, I420: 2, RGB24: 3, BGR24: 4, GRAY8: 5 };

/** Bytes of one tightly packed frame. Width and height of the 4:2:0 formats are even. */
export function packedFrameBytes(format: PixelFormat, width: number, height: number): number {
  switch (format) {
    case 'RGB24':
    case 'BGR24':
      return width * height * 3;
    case 'GRAY8':
      return width * height;
    default:
      return width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
  }
}

/** Bytes from the start of the file to slot 0's data. */
export function segmentDataOffset(slots: number): number {
  return roundUpToPage(SEGMENT_PAGE_BYTES + slots * SLOT_ENTRY_BYTES);
}

/** Bytes of a whole segment of `slots` slots of at most `slotBytes` each. */
export function segmentBytes(slots: number, slotBytes: number): number {
  return segmentDataOffset(slots) + slots * roundUpToPage(slotBytes);
}

/** The next multiple of {@link SEGMENT_PAGE_BYTES}. */
export function roundUpToPage(bytes: number): number {
  return Math.ceil(bytes / SEGMENT_PAGE_BYTES) * SEGMENT_PAGE_BYTES;
}
