import { type Clock, type Scope, SHM_DIR } from '@vigia/base';
import { type FrameMetadata, segmentBytes } from '@vigia/contracts';
import { type FrameShape, FrameSegmentWriter, type SlotLease, SlotRing } from '@vigia/frame-supplier';
import { type Geometry, geometryOf, type Region, type RenditionSpec } from '#core/media';
import { type Picture, RgbScaler } from '#core/media/libav';

/** A picture as one model wants it, in a slot that stays as it is until the lease is released. */
export interface RenderedFrame {
  readonly lease: SlotLease;
  /** How the picture was cropped and scaled, to map results back. */
  readonly geometry: Geometry;
  /** Path of the segment. */
  readonly reference: string;
  readonly metadata: FrameMetadata;
}

/** Options of {@link Renditions}. */
export interface RenditionsOptions {
  /** The node's name: tells segments of several instances on one machine apart. */
  readonly node: string;
  readonly camera: string;
  readonly roi: Region;
  readonly clock: Clock;
}

interface Rendition {
  readonly spec: RenditionSpec;
  readonly shape: FrameShape;
  readonly writer: FrameSegmentWriter;
  readonly ring: SlotRing;
  readonly scaler: RgbScaler;
  /** The last frame written: whoever takes the same picture gets the same slot. */
  last: { readonly lease: SlotLease; readonly geometry: Geometry } | undefined;
}

/** One name per rendition: consumers that want the same share one. */
export function renditionKey(spec: RenditionSpec): string {
  return `${spec.width}x${spec.height}-${spec.fit}`;
}

/** Slots of a rendition: one per request in flight, one being written, one being read by somebody late; at least 4. */
function slotsFor(consumers: number): number {
  return Math.max(4, consumers + 2);
}

/**
 * Makes the pictures that consumers want, on demand: a picture that nobody takes costs no conversion, and one that many
 * take in the same size is scaled once, straight into shared memory.
 */
export class Renditions {
  readonly #o: RenditionsOptions;
  readonly #byKey = new Map<string, Rendition>();

  /** @param scope Owns the segments: closing it unlinks them. */
  constructor(options: RenditionsOptions, scope: Scope) {
    this.#o = options;
    scope.defer(() => this.close());
  }

  /** Bytes of shared memory for one rendition. */
  static bytesOf(spec: RenditionSpec, consumers: number): number {
    return segmentBytes(slotsFor(consumers), spec.width * spec.height * 3);
  }

  /**
   * Creates the segment of a rendition, once, with its memory really allocated.
   *
   * @param consumers How many share it.
   * @throws VigiaError `shm_full` and others of FrameSegmentWriter.create.
   */
  admit(spec: RenditionSpec, consumers: number): void {
    const key = renditionKey(spec);
    if (this.#byKey.has(key)) return;
    const { node, camera, clock } = this.#o;
    const writer = FrameSegmentWriter.create({
      path: `${SHM_DIR}/vigia_${node}_frames_${camera}_${key}`,
      slots: slotsFor(consumers),
      slotBytes: spec.width * spec.height * 3,
      clock,
    });
    const shape: FrameShape = {
      width: spec.width,
      height: spec.height,
      format: 'RGB24',
      planes: [{ offset: 0, stride: spec.width * 3 }],
      byteLength: spec.width * spec.height * 3,
    };
    this.#byKey.set(key, { spec, shape, writer, ring: new SlotRing(writer), scaler: new RgbScaler(), last: undefined });
  }

  /**
   * The picture in an admitted rendition, scaled now unless it was already. Undefined when every slot is referenced,
   * which admission makes impossible as long as each consumer has one request in flight.
   */
  render(picture: Picture, spec: RenditionSpec): RenderedFrame | undefined {
    const rendition = this.#byKey.get(renditionKey(spec));
    if (!rendition) return undefined;
    const { last } = rendition;
    if (last?.lease.frameId === picture.seq)
      return this.#reference(rendition, last.lease.retain(), last.geometry, picture);
    const geometry = geometryOf(picture.width, picture.height, this.#o.roi, spec);
    const lease = rendition.ring.write((pixels) => rendition.scaler.scale(picture, geometry, pixels), {
      frameId: picture.seq,
      capturedMs: picture.stamps.capturedMs,
      capturedWallMs: picture.stamps.capturedWallMs,
      ptsUs: picture.stamps.ptsUs,
      shape: rendition.shape,
    });
    if (!lease) return undefined;
    rendition.ring.announce(lease);
    rendition.last = { lease, geometry };
    return this.#reference(rendition, lease, geometry, picture);
  }

  /** Unlinks the segments. Idempotent. */
  close(): void {
    for (const { writer, scaler } of this.#byKey.values()) {
      writer.close();
      scaler.close();
    }
    this.#byKey.clear();
  }

  #reference(rendition: Rendition, lease: SlotLease, geometry: Geometry, picture: Picture): RenderedFrame {
    const { spec, writer } = rendition;
    return {
      lease,
      geometry,
      reference: writer.path,
      metadata: {
        frame_id: picture.seq,
        width: spec.width,
        height: spec.height,
        format: 'RGB24',
        slot: lease.slot,
        generation: lease.generation.toString(),
        epoch: writer.epoch.toString(),
        offset: writer.offsetOf(lease.slot),
        strides: [spec.width * 3],
        captured_monotonic_ns: Math.round(picture.stamps.capturedMs * 1e6).toString(),
        rendition: renditionKey(spec),
      },
    };
  }
}
