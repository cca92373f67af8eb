// H.264 (ITU-T H.264, 08/2021): 7.3.2.1.1 (SPS), E.1.1 (VUI).

/** Profiles whose SPS says how pixels are stored. */
const HIGH_PROFILES: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** `aspect_ratio_idc` of a pixel that has a shape of its own. */
const OWN_ASPECT = 255;
/** Longest SPS that is read, bytes. */
const LONGEST = 4_096;
/** `log2_max_mv_length`: no limit that a stream of any level reaches. */
const ANY_MOTION = 16;

/** Reads an SPS bit by bit, and knows where it is. Behind the end there are zeros. */
class Cursor {
  at = 0;
  readonly #data: Buffer;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get spent(): boolean {
    return this.at > 8 * this.#data.byteLength;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1, this.at += 1)
      value = value * 2 + (((this.#data[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1);
    return value;
  }

  /** `ue(v)` */
  ue(): number {
    let zeros = 0;
    while (this.bits(1) === 0 && !this.spent) zeros += 1;
    return zeros > 31 ? 0 : 2 ** zeros - 1 + this.bits(zeros);
  }
}

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

  /** With the stop bit and its padding. */
  end(): Buffer {
    this.bits(1, 1);
    return Buffer.from(this.#bytes);
  }
}

/**
 * An SPS of H.264 that says that its pictures are shown in the order in which they are decoded (`max_num_reorder_frames` 0).
 * Without that some decoders hold pictures back until as many wait as the level allows, in case one is shown earlier.
 * Only for a stream in which no picture overtakes another one.
 *
 * @param nal A NAL unit without its start code and without zeros behind it; borrowed.
 * @returns undefined when it says so already, in any form, or when it cannot be read.
 */
export function withoutReordering(nal: Buffer): Buffer | undefined {
  if (nal.byteLength > LONGEST || (nal[0] ?? 0) % 32 !== 7) return undefined;
  const content = withoutEscapes(nal.subarray(1));
  const cursor = new Cursor(content);
  const sps = readSps(cursor);
  if (sps === undefined || cursor.spent) return undefined;
  const writer = new Writer();
  copy(content, sps.copied, writer);
  // vui_parameters_present_flag, and a VUI with nothing else.
  if (!sps.hasVui) writer.bits(1, 1).bits(0, 8);
  // bitstream_restriction_flag, motion_vectors_over_pic_boundaries_flag, and no limits but the order.
  writer.bits(0b11, 2).ue(0).ue(0).ue(ANY_MOTION).ue(ANY_MOTION).ue(0).ue(sps.references);
  return Buffer.concat([nal.subarray(0, 1), withEscapes(writer.end())]);
}

interface Sps {
  /** Bits that stay as they are. */
  readonly copied: number;
  readonly hasVui: boolean;
  readonly references: number;
}

function readSps(cursor: Cursor): Sps | undefined {
  const profile = cursor.bits(8);
  cursor.bits(16);
  cursor.ue();
  if (HIGH_PROFILES.has(profile)) skipPixels(cursor);
  cursor.ue();
  const order = cursor.ue();
  // Pictures are shown as they are decoded: nothing waits.
  if (order === 2) return undefined;
  if (order === 0) cursor.ue();
  else skipCycle(cursor);
  const references = cursor.ue();
  cursor.bits(1);
  cursor.ue();
  cursor.ue();
  if (cursor.bits(1) === 0) cursor.bits(1);
  cursor.bits(1);
  if (cursor.bits(1) === 1) for (let i = 0; i < 4; i += 1) cursor.ue();
  const copied = cursor.at;
  if (cursor.bits(1) === 0) return { copied, hasVui: false, references };
  skipVui(cursor);
  const inVui = { copied: cursor.at, hasVui: true, references };
  if (cursor.bits(1) === 0) return inVui;
  cursor.bits(1);
  for (let i = 0; i < 4; i += 1) cursor.ue();
  return cursor.ue() === 0 ? undefined : inVui;
}

function skipPixels(cursor: Cursor): void {
  const chroma = cursor.ue();
  if (chroma === 3) cursor.bits(1);
  cursor.ue();
  cursor.ue();
  cursor.bits(1);
  if (cursor.bits(1) === 0) return;
  for (let list = 0; list < (chroma === 3 ? 12 : 8); list += 1)
    if (cursor.bits(1) === 1) skipScaling(cursor, list < 6 ? 16 : 64);
}

/** 7.3.2.1.1.1 */
function skipScaling(cursor: Cursor, size: number): void {
  let [last, next] = [8, 8];
  for (let i = 0; i < size && !cursor.spent; i += 1) {
    if (next !== 0) {
      const code = cursor.ue();
      next = (last + (code % 2 === 0 ? -code / 2 : (code + 1) / 2) + 256) % 256;
    }
    last = next === 0 ? last : next;
  }
}

function skipCycle(cursor: Cursor): void {
  cursor.bits(1);
  cursor.ue();
  cursor.ue();
  const count = cursor.ue();
  for (let i = 0; i < count && !cursor.spent; i += 1) cursor.ue();
}

/** Up to `bitstream_restriction_flag`. */
function skipVui(cursor: Cursor): void {
  if (cursor.bits(1) === 1 && cursor.bits(8) === OWN_ASPECT) cursor.bits(32);
  if (cursor.bits(1) === 1) cursor.bits(1);
  if (cursor.bits(1) === 1) {
    cursor.bits(4);
    if (cursor.bits(1) === 1) cursor.bits(24);
  }
  if (cursor.bits(1) === 1) {
    cursor.ue();
    cursor.ue();
  }
  if (cursor.bits(1) === 1) cursor.bits(65);
  const rates = [skipRate(cursor), skipRate(cursor)];
  if (rates.includes(true)) cursor.bits(1);
  cursor.bits(1);
}

/** E.1.2. @returns whether it is there. */
function skipRate(cursor: Cursor): boolean {
  if (cursor.bits(1) === 0) return false;
  const count = cursor.ue() + 1;
  cursor.bits(8);
  for (let i = 0; i < count && !cursor.spent; i += 1) {
    cursor.ue();
    cursor.ue();
    cursor.bits(1);
  }
  cursor.bits(20);
  return true;
}

function copy(content: Buffer, bits: number, writer: Writer): void {
  const cursor = new Cursor(content);
  for (let i = 0; i < bits; i += 1) writer.bits(cursor.bits(1), 1);
}

/** Without emulation prevention (7.4.1). */
function withoutEscapes(data: Buffer): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of data) {
    const isEscape = zeros >= 2 && byte === 3;
    zeros = byte === 0 ? zeros + 1 : 0;
    if (!isEscape) out.push(byte);
  }
  return Buffer.from(out);
}

function withEscapes(data: Buffer): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of data) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}
