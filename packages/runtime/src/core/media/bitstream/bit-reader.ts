const NOTHING = Buffer.alloc(0);
/** Longer Exp-Golomb codes are in no valid stream. Leading zeros. */
const LONGEST_CODE = 31;

/**
 * Reads the bits of a NAL unit without its emulation prevention bytes (H.264 7.3.1, H.265 7.3.1.1). Reading past the end
 * gives zeros and sets `spent`. One object is reused for many NAL units.
 */
export class BitReader {
  /** Whether more was read than there is, or something that is in no valid stream. What was read then means nothing. */
  spent = false;
  /** Bits that were read since `open`. */
  read = 0;
  #data: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  #zeros = 0;
  #byte = 0;
  /** Bits of `#byte` that were not read yet. */
  #left = 0;
  /** Bits of the last byte that are no content. */
  #tail = 0;

  /** Begins to read `data` from `start` to `end` (exclusive), which is borrowed until the next `open`. */
  open(data: Buffer, start: number, end: number): this {
    this.#data = data;
    this.#at = start;
    this.#end = Math.min(end, data.byteLength);
    this.#zeros = 0;
    this.#left = 0;
    this.#tail = 0;
    this.spent = false;
    this.read = 0;
    return this;
  }

  /** The content ends before the last bit that is set (`rbsp_trailing_bits`). Directly after `open`. */
  untilStopBit(): this {
    while (this.#end > this.#at && this.#data[this.#end - 1] === 0) this.#end -= 1;
    const last = this.#end > this.#at ? (this.#data[this.#end - 1] as number) : 0;
    this.#tail = last === 0 ? 0 : 32 - Math.clz32(last & -last);
    return this;
  }

  /** One bit. */
  bit(): number {
    if (this.#left === 0) this.#load();
    // The last byte may have nothing but the stop bit.
    if (this.#left === 0) this.#load();
    this.#left -= 1;
    this.read += 1;
    return (this.#byte >> this.#left) & 1;
  }

  /** An unsigned number. @param count 0..32. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) value = value * 2 + this.bit();
    return value;
  }

  /** An unsigned Exp-Golomb code, `ue(v)`. */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (zeros > LONGEST_CODE || this.spent) {
        this.spent = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** A signed Exp-Golomb code, `se(v)`. */
  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  }

  #load(): void {
    const byte = this.#next();
    // 00 00 03: the third byte is not part of the content.
    const escaped = this.#zeros >= 2 && byte === 3;
    if (escaped) this.#zeros = 0;
    this.#byte = escaped ? this.#next() : byte;
    this.#zeros = this.#byte === 0 ? this.#zeros + 1 : 0;
    this.#left = 8;
    if (this.#at < this.#end || this.#tail === 0) return;
    this.#byte >>= this.#tail;
    this.#left -= this.#tail;
    this.#tail = 0;
  }

  #next(): number {
    if (this.#at >= this.#end) {
      this.spent = true;
      return 0;
    }
    this.#at += 1;
    return this.#data[this.#at - 1] as number;
  }
}
