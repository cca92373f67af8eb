import { codeOf, messageOf } from '@vigia/base';
import type { PixelFormat } from '@vigia/contracts';
import type { FrameRoots } from './frame-roots.ts';
import { type FrameFailure, type FrameRequest, type FrameSource, type FrameUse, frameError } from './frame-source.ts';
import { PlainFiles } from './plain-file.ts';
import { type Plane, planeProblem, type RawFrame } from './raw-frame.ts';

/** A frame in a slot of a segment; implemented by `FrameView` of `@vigia/frame-supplier`. */
export interface SlotView {
  readonly frameId: number;
  readonly shape: {
    readonly width: number;
    readonly height: number;
    readonly format: PixelFormat;
    readonly planes: readonly Plane[];
    readonly byteLength: number;
  };
  readonly pixels: Uint8Array;
}

/** A frame segment, mapped read-only; implemented by `FrameSegmentReader` of `@vigia/frame-supplier`. */
export interface SegmentReader {
  /** Identifies this creation of the segment. */
  readonly epoch: bigint;
  readonly slots: number;
  /** The frame in a slot, undefined when the slot holds another one. @throws VigiaError `frame_invalid`. */
  view(slot: number, generation: number): SlotView | undefined;
  /** Whether everything read from the slot so far belongs to this generation. */
  holds(slot: number, generation: number): boolean;
  /** Retires the mapping. Idempotent. */
  close(): void;
}

/** Maps a segment. @throws VigiaError `frame_not_found` or `frame_invalid`. */
export type OpenSegment = (path: string) => SegmentReader;

/** Options of {@link ConnectionFrames}. */
export interface ConnectionFramesOptions {
  readonly roots: FrameRoots;
  readonly openSegment: OpenSegment;
  /** Default: an own buffer. Connections may share one, because frames are read one at a time. */
  readonly plainFiles?: PlainFiles;
}

/** Mappings kept per connection: one per camera and rendition of the peer, with room for successors. */
const MAX_SEGMENTS = 64;

/**
 * The frames of one connection: plain files, and segments of our ring. A segment is mapped once per path and epoch, and
 * kept until the connection closes, a new epoch appears, or {@link MAX_SEGMENTS} others were used since.
 */
export class ConnectionFrames implements FrameSource {
  readonly #options: ConnectionFramesOptions;
  readonly #plainFiles: PlainFiles;
  /** By path, least recently used first. */
  readonly #segments = new Map<string, SegmentReader>();
  #closed = false;

  constructor(options: ConnectionFramesOptions) {
    this.#options = options;
    this.#plainFiles = options.plainFiles ?? new PlainFiles(options.roots);
  }

  /** Number of mapped segments. */
  get mapped(): number {
    return this.#segments.size;
  }

  use(request: FrameRequest, look: (frame: RawFrame) => void): FrameUse {
    if (this.#closed) return frameError('frame_invalid', 'the connection is closed');
    if (request.frame_metadata.slot !== undefined) return this.#useSlot(request, request.frame_metadata.slot, look);
    const read = this.#plainFiles.read(request);
    if ('status' in read) return read;
    look(read.frame);
    return OK;
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#segments.values()) reader.close();
    this.#segments.clear();
  }

  #useSlot({ frame_reference, frame_metadata }: FrameRequest, slot: number, look: (frame: RawFrame) => void): FrameUse {
    const { generation: text, epoch } = frame_metadata;
    if (text === undefined || epoch === undefined) {
      return frameError('frame_invalid', 'a slot needs its generation and epoch');
    }
    const generation = Number(text);
    const segment = this.#segment(frame_reference, BigInt(epoch));
    if ('status' in segment) return segment;
    if (slot >= segment.slots || generation === 0 || generation % 2 === 1) {
      return frameError('frame_invalid', `slot ${slot} cannot hold generation ${text}`);
    }
    let view: SlotView | undefined;
    try {
      view = segment.view(slot, generation);
    } catch (error) {
      return frameError('frame_invalid', messageOf(error));
    }
    if (!view) return expired(slot);
    const frame: RawFrame = { ...view.shape, pixels: view.pixels };
    const problem = contradiction(frame_metadata, view) ?? planeProblem(frame, view.shape.byteLength);
    if (problem !== undefined) {
      return segment.holds(slot, generation) ? frameError('frame_invalid', problem) : expired(slot);
    }
    look(frame);
    return segment.holds(slot, generation) ? OK : expired(slot);
  }

  #segment(reference: string, epoch: bigint): SegmentReader | FrameFailure {
    const cached = this.#segments.get(reference);
    this.#segments.delete(reference);
    if (cached?.epoch === epoch) {
      this.#segments.set(reference, cached);
      return cached;
    }
    cached?.close();
    return this.#open(reference, epoch);
  }

  #open(reference: string, epoch: bigint): SegmentReader | FrameFailure {
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

const OK: FrameUse = { status: 'ok' };

function expired(slot: number): FrameFailure {
  return frameError('frame_expired', `slot ${slot} holds another frame by now`);
}

/** Compares the request with the slot's entry: the entry is authoritative, and a request that differs is wrong. */
function contradiction(said: FrameRequest['frame_metadata'], { frameId, shape }: SlotView): string | undefined {
  const { width, height, format } = shape;
  if (said.width !== width || said.height !== height || said.format !== format) {
    return `the frame was announced as ${said.width}x${said.height} ${said.format}, the slot holds ${width}x${height} ${format}`;
  }
  const wrong = said.strides?.findIndex((stride, i) => stride !== shape.planes[i]?.stride) ?? -1;
  if (wrong >= 0)
    return `lines of ${said.strides?.[wrong]} bytes were announced, the slot has ${shape.planes[wrong]?.stride ?? 0}`;
  if (said.frame_id !== frameId) return `frame ${said.frame_id} was announced, the slot holds ${frameId}`;
  return undefined;
}
