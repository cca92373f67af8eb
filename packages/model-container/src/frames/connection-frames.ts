import { codeOf, messageOf } from '@vigia/base';
import type { FrameRoots } from './frame-roots.ts';
import {
  checkGeometry,
  frameError,
  type FrameGeometry,
  type FrameRead,
  type FrameRequest,
  type FrameSource,
  swapRedAndBlue,
} from './frame-source.ts';
import { readPlainFile } from './plain-file.ts';

/** A mapped frame segment, read-only. `FrameSegmentReader` of `@vigia/frame-supplier` is one. */
export interface SegmentReader {
  /** Which creation of the segment this is. */
  readonly epoch: bigint;
  /** Copies the first `into.byteLength` bytes of a slot; anything but `ok` leaves `into` unusable. */
  read(slot: number, generation: number, into: Uint8Array): 'ok' | 'expired' | 'invalid';
  /** Retires the mapping. Idempotent. */
  close(): void;
}

/** Maps a segment. @throws VigiaError `frame_not_found` or `frame_invalid`. */
export type OpenSegment = (path: string) => SegmentReader;

/** Options of {@link ConnectionFrames}. */
export interface ConnectionFramesOptions {
  readonly geometry: FrameGeometry;
  readonly roots: FrameRoots;
  readonly openSegment: OpenSegment;
}

/** Mappings kept per connection: one per camera and rendition that the peer serves, with room for successors. */
const MAX_SEGMENTS = 64;

/**
 * The frames of one connection: segments of our ring (mapped once per path and epoch, kept until the connection closes,
 * a new epoch appears, or {@link MAX_SEGMENTS} others were used since) and plain files.
 */
export class ConnectionFrames implements FrameSource {
  readonly #options: ConnectionFramesOptions;
  /** By path, least recently used first. */
  readonly #segments = new Map<string, SegmentReader>();
  #closed = false;

  constructor(options: ConnectionFramesOptions) {
    this.#options = options;
  }

  /** How many segments are mapped. */
  get mapped(): number {
    return this.#segments.size;
  }

  read(request: FrameRequest, into: Uint8Array): FrameRead {
    if (this.#closed) return frameError('frame_invalid', 'the connection is closed');
    const { slot, generation, epoch, format } = request.frame_metadata;
    if (slot === undefined) return readPlainFile(request, this.#options.geometry, this.#options.roots, into);
    if (generation === undefined || epoch === undefined) {
      return frameError('frame_invalid', 'a slot needs its generation and epoch');
    }
    const geometry = checkGeometry(request.frame_metadata, this.#options.geometry);
    if (geometry) return geometry;
    const segment = this.#segment(request.frame_reference, BigInt(epoch));
    if ('status' in segment) return segment;
    const outcome = segment.read(slot, Number(generation), into);
    if (outcome === 'expired') return frameError('frame_expired', `slot ${slot} holds another frame by now`);
    if (outcome === 'invalid') return frameError('frame_invalid', `slot ${slot} holds no such frame`);
    if (format === 'BGR24') swapRedAndBlue(into);
    return { status: 'ok' };
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#segments.values()) reader.close();
    this.#segments.clear();
  }

  #segment(reference: string, epoch: bigint): SegmentReader | FrameRead {
    const cached = this.#segments.get(reference);
    this.#segments.delete(reference);
    if (cached?.epoch === epoch) {
      this.#segments.set(reference, cached);
      return cached;
    }
    cached?.close();
    return this.#open(reference, epoch);
  }

  #open(reference: string, epoch: bigint): SegmentReader | FrameRead {
    const checked = this.#options.roots.resolve(reference);
    if (checked.status === 'error') return checked;
    let reader: SegmentReader;
    try {
      reader = this.#options.openSegment(checked.path);
    } catch (error) {
      return frameError(codeOf(error) === 'frame_not_found' ? 'frame_not_found' : 'frame_invalid', messageOf(error));
    }
    if (reader.epoch !== epoch) {
      reader.close();
      return frameError('frame_expired', `${reference} is another creation of the segment by now`);
    }
    this.#segments.set(reference, reader);
    this.#evict();
    return reader;
  }

  #evict(): void {
    const oldest = this.#segments.entries().next().value;
    if (this.#segments.size <= MAX_SEGMENTS || !oldest) return;
    this.#segments.delete(oldest[0]);
    oldest[1].close();
  }
}
