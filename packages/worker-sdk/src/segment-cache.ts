import { mapSharedFile, type SharedMapping, VigiaError } from '@vigia/base';
import type { WorkerRef } from '@vigia/contracts';
import { FrameSegmentReader } from '@vigia/frame-supplier';

interface MappedSegment {
  readonly mapping: SharedMapping;
  readonly reader: FrameSegmentReader;
}

/** Pixels in a segment: a view of the mapping, and whether the slot still holds the referenced frame. */
export interface SegmentPixels {
  readonly pixels: Uint8Array;
  whole(): boolean;
}

/** Maps the segment of the frames read-only, and keeps it mapped until a frame is in another segment. */
export class SegmentCache {
  #current: MappedSegment | undefined;

  /**
   * The pixels of a reference. Once the segment is released they read as zeros and are not whole.
   *
   * @throws VigiaError `frame_not_found` when the segment does not exist, `frame_changed` when it, or its slot, holds
   *   another frame by now, `frame_invalid` when the reference or the segment is inconsistent.
   */
  pixelsOf(ref: WorkerRef): SegmentPixels {
    const { mapping, reader } = this.#open(ref);
    const { path, slot, offset, byte_length: byteLength } = ref;
    if (slot >= reader.slots || offset + byteLength > mapping.bytes.byteLength)
      throw new VigiaError('frame_invalid', `${path}: slot ${slot}, ${byteLength} bytes at ${offset} are not in it`, {
        path,
      });
    const generation = Number(ref.generation);
    const whole = (): boolean => reader.holds(slot, generation);
    if (!whole()) throw new VigiaError('frame_changed', `${path}: slot ${slot} holds another frame`, { path });
    return { pixels: mapping.bytes.subarray(offset, offset + byteLength), whole };
  }

  /** Releases the mapping. Idempotent. */
  close(): void {
    this.#current?.reader.close();
    this.#current = undefined;
  }

  #open({ path, epoch }: WorkerRef): MappedSegment {
    const wanted = BigInt(epoch);
    if (this.#current?.mapping.path === path && this.#current.reader.epoch === wanted) return this.#current;
    this.close();
    const mapping = mapSharedFile(path);
    // Retires the mapping when it throws, and on close.
    const reader = FrameSegmentReader.over(mapping);
    this.#current = { mapping, reader };
    if (reader.epoch === wanted) return this.#current;
    throw new VigiaError('frame_changed', `${path}: epoch ${reader.epoch}, the frame was in ${epoch}`, { path });
  }
}
