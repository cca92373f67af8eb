import { BitReader } from './bit-reader.ts';
import { PictureNeeds } from './picture-needs.ts';

/** Longest SPS that is read, bytes. */
const LONGEST = 2_048;
/** `log2_max_mv_length`: no limit that a stream of any level reaches. */
const ANY_MOTION = 16;

/** Bits of a new SPS. */
class Writer {
  readonly #bytes: number[] = [];
  #count = 0;

  bits(value: number, count: number): this {
    for (let i = count - 1; i >= 0; i -= 1, this.#count += 1) {
      const at = this.#count >> 3;
      this.#bytes[at] = (this.#bytes[at] ?? 0) | (((value >>> i) & 1) << (7 - (this.#count & 7)));
    }
    return this;
  }

  /** `ue(v)` */
  ue(value: number): this {
    const length = 32 - Math.clz32(value + 1);
    return this.bits(0, length - 1).bits(value + 1, length);
  }

  /** With the stop bit and its padding, and with emulation prevention (7.4.1). */
  end(): Buffer {
    this.bits(1, 1);
    const out: number[] = [];
    let zeros = 0;
    for (const byte of this.#bytes) {
      if (zeros >= 2 && byte <= 3) {
        out.push(3);
        zeros = 0;
      }
      out.push(byte);
      zeros = byte === 0 ? zeros + 1 : 0;
    }
    return Buffer.from(out);
  }
}

/**
 * An SPS of H.264 that says that its pictures are shown in the order in which they are decoded (`max_num_reorder_frames` 0;
 * ITU-T H.264, E.1.1). Without that some decoders hold pictures back until as many wait as the level allows, in case one is
 * shown earlier. Only for a stream in which no picture overtakes another one.
 *
 * @param nal A NAL unit without its start code and without zeros behind it; borrowed.
 * @returns undefined when it says so already, in any form, or when it cannot be read.
 */
export function withoutReordering(nal: Buffer): Buffer | undefined {
  if (nal.byteLength > LONGEST || (nal[0] ?? 0) % 32 !== 7) return undefined;
  const order = new PictureNeeds('h264').orderIn(nal);
  if (!order || order.isKept) return undefined;
  const reader = new BitReader().open(nal, 1, nal.byteLength);
  const writer = new Writer();
  for (let i = 0; i < order.before; i += 1) writer.bits(reader.bit(), 1);
  // vui_parameters_present_flag, and a VUI with nothing else.
  if (!order.hasVui) writer.bits(1, 1).bits(0, 8);
  // bitstream_restriction_flag, motion_vectors_over_pic_boundaries_flag, and no limits but the order.
  writer.bits(0b11, 2).ue(0).ue(0).ue(ANY_MOTION).ue(ANY_MOTION).ue(0).ue(order.references);
  return Buffer.concat([nal.subarray(0, 1), writer.end()]);
}
