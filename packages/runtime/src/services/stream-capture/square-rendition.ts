import { type Clock, type Scope, SHM_DIR } from '@vigia/base';
import { FrameSegmentWriter, packedShape, SlotRing } from '@vigia/frame-supplier';
import type { RenderedPicture } from '#core/consumer';
import { LOOK_SLOTS, type RenditionSpec, type Square, squareGeometry, type Turn, turnRight } from '#core/media';
import { FrameScaler, type Outline, type Picture, SCALE_ROOM } from '#core/media/libav';

/** Options of {@link SquareRendition}. */
export interface SquareRenditionOptions {
  readonly node: string;
  readonly camera: string;
  /** Of its consumer. */
  readonly name: string;
  /** What the model wants: see `canBeTurned`. */
  readonly spec: RenditionSpec;
  readonly privacy: readonly Outline[];
  readonly clock: Clock;
}

/** Squares of pictures, turned, in shared memory of their own: for second looks. Its memory is allocated once. */
export class SquareRendition {
  readonly #spec: RenditionSpec;
  readonly #bytes: number;
  readonly #writer: FrameSegmentWriter;
  readonly #ring: SlotRing;
  readonly #scaler: FrameScaler;
  /** A square before it is turned. */
  readonly #plain: Buffer;

  /** @param scope Owns the segment: closing it unlinks it. @throws VigiaError `shm_full` and others of FrameSegmentWriter.create. */
  constructor({ node, camera, name, spec, privacy, clock }: SquareRenditionOptions, scope: Scope) {
    const { width, height, format } = spec;
    this.#spec = spec;
    this.#scaler = new FrameScaler(privacy);
    this.#bytes = format === 'GRAY8' ? 1 : 3;
    const slotBytes = width * height * this.#bytes;
    this.#plain = Buffer.alloc(slotBytes + SCALE_ROOM);
    const path = `${SHM_DIR}/vigia_${node}_frames_${camera}_look-${name}`;
    this.#writer = FrameSegmentWriter.create({ path, slots: LOOK_SLOTS, slotBytes, clock });
    this.#ring = new SlotRing(this.#writer);
    scope.defer(() => {
      this.#writer.close();
      this.#scaler.close();
    });
  }

  /** Undefined when the square does not touch the picture, or no slot is free. @throws VigiaError `scale` */
  render(picture: Picture, square: Square, turn: Turn): RenderedPicture | undefined {
    const { width, height, format } = this.#spec;
    const wanted = turn === 90 ? { width: height, height: width, format } : this.#spec;
    const geometry = squareGeometry(square, picture.width, picture.height, wanted);
    if (!geometry) return undefined;
    const { seq: frameId, stamps } = picture;
    const { capturedMs, capturedWallMs, ptsUs } = stamps;
    const shape = packedShape(format, width, height);
    const fill = (pixels: Buffer): void => {
      if (turn === 0) return this.#scaler.scale(picture, geometry, pixels);
      this.#scaler.scale(picture, geometry, this.#plain);
      turnRight(this.#plain, pixels, width, height, this.#bytes);
    };
    const lease = this.#ring.write(fill, { frameId, capturedMs, capturedWallMs, ptsUs, shape });
    if (!lease) return undefined;
    return {
      lease,
      geometry,
      reference: this.#writer.path,
      metadata: {
        frame_id: frameId,
        width,
        height,
        format,
        slot: lease.slot,
        generation: lease.generation.toString(),
        epoch: this.#writer.epoch.toString(),
        offset: this.#writer.offsetOf(lease.slot),
        strides: shape.planes.map((plane) => plane.stride),
        captured_monotonic_ns: Math.round(capturedMs * 1e6).toString(),
        rendition: `square turned by ${turn}`,
      },
    };
  }
}
