import type { Clock } from '@vigia/base';
import { type FrameShape, FrameSegmentWriter, packedShape, SlotRing } from '@vigia/frame-supplier';
import { geometryOf, type newProcessConsumer, WHOLE } from '../support/runtime-internals.ts';
import type { WindowSetup } from './window.ts';

type Renditions = Parameters<typeof newProcessConsumer>[1]['renditions'];
type Rendered = NonNullable<ReturnType<Renditions['render']>>;

const SLOTS = 4;
/** Like the worker with `touch`. */
const TOUCHED_STEP = 64;
/** Amplitude of the noise in the picture, 0..255: what a JPEG encoder meets with a camera at night. */
const NOISE = 16;

/**
 * Renditions with prepainted slots: the cost of scaling is the same for both transports and would hide the difference.
 * Everything else is as in a camera process: slots are taken, stamped and referenced.
 */
export class PaintedRenditions implements Renditions {
  /** When the last frame was ready to be sent, by {@link Clock}. */
  renderedMs = 0;
  /** The expected result of a worker with `touch` for the last frame. */
  renderedMean = 0;
  readonly #clock: Clock;
  readonly #shape: FrameShape;
  readonly #writer: FrameSegmentWriter;
  readonly #ring: SlotRing;
  readonly #means: readonly number[];

  constructor(path: string, { width, height }: WindowSetup, clock: Clock) {
    this.#clock = clock;
    this.#shape = packedShape('RGB24', width, height);
    this.#writer = FrameSegmentWriter.create({ path, slots: SLOTS, slotBytes: this.#shape.byteLength, clock });
    this.#ring = new SlotRing(this.#writer);
    this.#means = Array.from({ length: SLOTS }, (_, slot) => paint(this.#writer.view(slot), width, slot));
  }

  admitWithin(): boolean {
    return true;
  }

  render(
    picture: Parameters<Renditions['render']>[0],
    spec: Parameters<Renditions['render']>[1],
  ): Rendered | undefined {
    const { width, height, format, planes } = this.#shape;
    const { capturedMs, capturedWallMs, ptsUs } = picture.stamps;
    const stamp = { frameId: picture.seq, capturedMs, capturedWallMs, ptsUs, shape: this.#shape };
    const lease = this.#ring.write(() => undefined, stamp);
    if (!lease) return undefined;
    this.#ring.announce(lease);
    const rendered = {
      lease,
      geometry: geometryOf(picture.width, picture.height, WHOLE, spec),
      reference: this.#writer.path,
      metadata: {
        frame_id: picture.seq,
        width,
        height,
        format,
        slot: lease.slot,
        generation: lease.generation.toString(),
        epoch: this.#writer.epoch.toString(),
        offset: this.#writer.offsetOf(lease.slot),
        strides: planes.map(({ stride }) => stride),
      },
    };
    this.renderedMean = this.#means[lease.slot] ?? 0;
    this.renderedMs = this.#clock.nowMs();
    return rendered;
  }

  pixelsOf(_spec: unknown, _admitted: unknown, { slot }: Rendered['lease']): Buffer {
    return this.#writer.view(slot).subarray(0, this.#shape.byteLength);
  }

  close(): void {
    this.#writer.close();
  }
}

/** Paints a gradient with noise, different in each slot. @returns the expected result of a worker with `touch`. */
function paint(pixels: Buffer, width: number, slot: number): number {
  let random = 1 + slot;
  let sum = 0;
  let looked = 0;
  for (let i = 0; i < pixels.byteLength; i += 1) {
    const pixel = Math.floor(i / 3);
    const x = pixel % width;
    // A linear congruential generator: the same pictures in every window.
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const value = ((x + Math.floor(pixel / width)) >> 4) + 8 * slot + ((random >>> 24) % NOISE);
    pixels[i] = value;
    if (x % TOUCHED_STEP !== 0) continue;
    sum += value;
    looked += 1;
  }
  return sum / looked;
}
