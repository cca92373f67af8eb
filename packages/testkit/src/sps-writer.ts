/** Bits of an SPS, for tests. */
class BitWriter {
  #bits = '';

  bits(value: number, count: number): this {
    this.#bits += count === 0 ? '' : value.toString(2).padStart(count, '0');
    return this;
  }

  ue(...values: readonly number[]): this {
    for (const value of values) {
      const code = (value + 1).toString(2);
      this.#bits += code.padStart(2 * code.length - 1, '0');
    }
    return this;
  }

  /** With the stop bit, and with emulation prevention (H.264 7.4.1, H.265 7.4.2). */
  nal(header: readonly number[]): Buffer {
    const padded = `${this.#bits}1`.padEnd(Math.ceil((this.#bits.length + 1) / 8) * 8, '0');
    const out: number[] = [...header];
    for (const [byte] of padded.matchAll(/.{8}/g)) {
      const value = Number.parseInt(byte, 2);
      if (value <= 3 && out.at(-1) === 0 && out.at(-2) === 0) out.push(3);
      out.push(value);
    }
    return Buffer.from(out);
  }
}

/** How pixels are stored: `chroma_format_idc`, default 1 (4:2:0), and bits, default 8. */
interface Pixels {
  readonly chroma?: number;
  readonly depth?: number;
}

/** An SPS of H.264. Sides are multiples of 32. Profile 100 has scaling lists, and says how pixels are stored. */
export function h264Sps(
  o: Pixels & {
    readonly profile: number;
    readonly width: number;
    readonly height: number;
    readonly references: number;
    readonly frames: boolean;
    /** `max_num_reorder_frames`; default: not stated. */
    readonly reordered?: number;
  },
): Buffer {
  const writer = new BitWriter().bits(o.profile, 8).bits(0, 8).bits(51, 8).ue(0);
  const { chroma = 1, depth = 8 } = o;
  // Of the scaling lists, the second is the default and the third a flat one of 16.
  if (o.profile === 100)
    writer
      .ue(chroma)
      .bits(0, chroma === 3 ? 1 : 0)
      .ue(depth - 8, depth - 8)
      .bits(0, 1)
      .bits(1, 1)
      .bits(0b01, 2)
      .ue(16)
      .bits(1, 1)
      .ue(15, ...Array<number>(15).fill(0))
      .bits(0, chroma === 3 ? 9 : 5);
  writer
    .ue(0, 0, 2, o.references)
    .bits(0, 1)
    .ue(o.width / 16 - 1, o.height / (o.frames ? 16 : 32) - 1);
  if (o.frames) writer.bits(1, 1);
  else writer.bits(0, 2);
  writer
    .bits(1, 1)
    .bits(0, 1)
    .bits(o.reordered === undefined ? 0 : 1, 1);
  // Of the VUI, only the restriction of the bitstream.
  if (o.reordered !== undefined) writer.bits(0b1_1, 10).ue(0, 0, 16, 16, o.reordered, 16);
  return writer.nal([0x67]);
}

/** An SPS of H.265. */
export function h265Sps(
  o: Pixels & {
    readonly width: number;
    readonly height: number;
    readonly references: number;
    readonly layers: number;
    /** `sps_max_num_reorder_pics`, default 0. */
    readonly reordered?: number;
  },
): Buffer {
  const writer = new BitWriter().bits(0, 4).bits(o.layers, 3).bits(1, 1).bits(1, 8);
  for (let i = 0; i < 10; i += 1) writer.bits(i === 0 ? 0x60 : 0, 8);
  writer.bits(153, 8);
  for (let i = 0; i < o.layers; i += 1) writer.bits(0b01, 2);
  for (let i = o.layers; o.layers > 0 && i < 8; i += 1) writer.bits(0, 2);
  for (let i = 0; i < o.layers; i += 1) writer.bits(93, 8);
  const { chroma = 1, depth = 8 } = o;
  writer.ue(0, chroma).bits(0, chroma === 3 ? 1 : 0);
  writer
    .ue(o.width, o.height)
    .bits(1, 1)
    .ue(0, 0, 0, 0)
    .ue(depth - 8, depth - 8, 4)
    .bits(1, 1);
  for (let i = 0; i <= o.layers; i += 1) {
    const [references, reordered] = i === o.layers ? [o.references, o.reordered ?? 0] : [0, 0];
    writer.ue(references, reordered, 0);
  }
  return writer.ue(0, 3, 0, 3, 0, 0).bits(0, 8).nal([0x42, 0x01]);
}
