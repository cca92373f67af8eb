import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { type Clock, type Scope, SHM_DIR, VigiaError } from '@vigia/base';
import { type FrameShape, FrameSegmentWriter, packedShape, type SlotLease, SlotRing } from '@vigia/frame-supplier';
import type { RenderedPicture } from '#core/consumer';
import {
  type Geometry,
  geometryOf,
  type Region,
  renditionBytes,
  renditionKey,
  type RenditionSpec,
  renditionSlots,
} from '#core/media';
import { FrameScaler, type Outline, type Picture } from '#core/media/libav';

/** Options of {@link Renditions}. */
export interface RenditionsOptions {
  /** The node's name; distinguishes the segments of several nodes on one machine. */
  readonly node: string;
  readonly camera: string;
  readonly roi: Region;
  /** Outlines of what is blacked out. */
  readonly privacy: readonly Outline[];
  readonly clock: Clock;
}

/** The memory of one admitted rendition, which others may share. */
interface Slots {
  readonly writer: FrameSegmentWriter;
  readonly ring: SlotRing;
  readonly slotBytes: number;
}

interface Rendition {
  readonly spec: RenditionSpec;
  readonly shape: FrameShape;
  readonly slots: Slots;
  readonly scaler: FrameScaler;
  /** The last frame written: consumers that take the same picture get the same slot. */
  last: { readonly lease: SlotLease; readonly geometry: Geometry } | undefined;
}

/**
 * Scales pictures for consumers, on demand and straight into shared memory: a picture that no consumer takes costs no
 * conversion, and one that several take in the same size is scaled once.
 */
export class Renditions {
  readonly #o: RenditionsOptions;
  readonly #byKey = new Map<string, Rendition>();

  /** @param scope Owns the segments: closing it unlinks them. */
  constructor(options: RenditionsOptions, scope: Scope) {
    this.#o = options;
    scope.defer(() => this.close());
  }

  /**
   * Creates the segment of a rendition, once, and allocates all of its memory.
   *
   * @param consumers How many share it.
   * @throws VigiaError `shm_full` and others of FrameSegmentWriter.create.
   */
  admit(spec: RenditionSpec, consumers: number): void {
    const key = renditionKey(spec);
    if (this.#byKey.has(key)) return;
    const { node, camera, clock } = this.#o;
    const slotBytes = renditionBytes(spec);
    const writer = FrameSegmentWriter.create({
      path: freePath(`${SHM_DIR}/vigia_${node}_frames_${camera}_${key}`),
      slots: renditionSlots(consumers),
      slotBytes,
      clock,
    });
    this.#byKey.set(key, newRendition(spec, { writer, ring: new SlotRing(writer), slotBytes }, this.#o.privacy));
  }

  /**
   * Admits another size or format in the memory of an admitted rendition, for a worker that wants less than was planned.
   * Allocates no memory; the slots suffice, because they were counted by consumers of that memory.
   *
   * @returns false when it does not fit.
   */
  admitWithin(spec: RenditionSpec, admitted: RenditionSpec): boolean {
    const home = this.#byKey.get(renditionKey(admitted));
    if (!home || renditionBytes(spec) > home.slots.slotBytes) return false;
    const key = keyWithin(spec, admitted);
    if (!this.#byKey.has(key)) this.#byKey.set(key, newRendition(spec, home.slots, this.#o.privacy));
    return true;
  }

  /**
   * The picture in an admitted rendition, scaled now unless it has been already. Undefined when every slot is referenced,
   * which admission makes impossible as long as each consumer has at most one request in flight.
   *
   * @param admitted The rendition in whose memory this one was admitted.
   */
  render(picture: Picture, spec: RenditionSpec, admitted: RenditionSpec = spec): RenderedPicture | undefined {
    const rendition = this.#byKey.get(keyWithin(spec, admitted));
    if (!rendition) return undefined;
    const { last, slots } = rendition;
    // Another rendition in the same memory may have taken a slot without holders: then this one is written again.
    if (last?.lease.frameId === picture.seq && slots.ring.has(last.lease))
      return this.#reference(rendition, last.lease.retain(), last.geometry, picture);
    const geometry = geometryOf(picture.width, picture.height, this.#o.roi, spec);
    const lease = slots.ring.write((pixels) => rendition.scaler.scale(picture, geometry, pixels), {
      frameId: picture.seq,
      capturedMs: picture.stamps.capturedMs,
      capturedWallMs: picture.stamps.capturedWallMs,
      ptsUs: picture.stamps.ptsUs,
      shape: rendition.shape,
    });
    if (!lease) return undefined;
    slots.ring.announce(lease);
    rendition.last = { lease, geometry };
    return this.#reference(rendition, lease, geometry, picture);
  }

  /** The pixels of a rendered picture, to be sent in place of its reference. Lent while its lease is held. */
  pixelsOf(spec: RenditionSpec, admitted: RenditionSpec, lease: SlotLease): Buffer {
    const { slots, shape } = this.#byKey.get(keyWithin(spec, admitted)) ?? missing(spec);
    return slots.writer.view(lease.slot).subarray(0, shape.byteLength);
  }

  /** Unlinks the segments. Idempotent. */
  close(): void {
    for (const { slots, scaler } of this.#byKey.values()) {
      slots.writer.close();
      scaler.close();
    }
    this.#byKey.clear();
  }

  #reference(rendition: Rendition, lease: SlotLease, geometry: Geometry, picture: Picture): RenderedPicture {
    const { spec, shape, slots } = rendition;
    const { writer } = slots;
    return {
      lease,
      geometry,
      reference: writer.path,
      metadata: {
        frame_id: picture.seq,
        width: spec.width,
        height: spec.height,
        format: spec.format,
        slot: lease.slot,
        generation: lease.generation.toString(),
        epoch: writer.epoch.toString(),
        offset: writer.offsetOf(lease.slot),
        strides: shape.planes.map((plane) => plane.stride),
        captured_monotonic_ns: Math.round(picture.stamps.capturedMs * 1e6).toString(),
        rendition: renditionKey(spec),
      },
    };
  }
}

/** Workers may want the same rendition, each in the memory of its own. */
function keyWithin(spec: RenditionSpec, admitted: RenditionSpec): string {
  const key = renditionKey(spec);
  const home = renditionKey(admitted);
  return key === home ? key : `${key} in ${home}`;
}

function missing(spec: RenditionSpec): never {
  throw new VigiaError('internal', `rendition ${renditionKey(spec)} was not admitted`);
}

function newRendition(spec: RenditionSpec, slots: Slots, privacy: readonly Outline[]): Rendition {
  const shape = packedShape(spec.format, spec.width, spec.height);
  return { spec, shape, slots, scaler: new FrameScaler(privacy), last: undefined };
}

/** The path, or another one where a file of another user has it: only its owner could remove that. */
function freePath(path: string): string {
  const owner = lstatSync(path, { throwIfNoEntry: false })?.uid;
  return owner === undefined || owner === process.getuid?.() ? path : `${path}_${randomBytes(8).toString('hex')}`;
}
