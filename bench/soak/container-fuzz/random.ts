/** Random choices, reproducible by seed (mulberry32): each case has its own seed, so that it can be replayed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The generator of one case of a run: neighbouring seeds are unrelated. */
  static ofCase(seed: number, number: number): Random {
    return new Random(Math.imul(seed, 0x9e_37_79_b1) + number);
  }

  /** Uniform in 0..2^32-1. */
  u32(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer, both ends included. */
  int(least: number, most: number): number {
    return least + (this.u32() % (most - least + 1));
  }

  /** True once in that many times. */
  once(inTimes: number): boolean {
    return this.u32() % inTimes === 0;
  }

  /** One of them. */
  of<T>(values: readonly T[]): T {
    return values[this.u32() % values.length] as T;
  }

  /** Bytes of any value. */
  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.u32() & 255));
  }

  /** Text of any characters: control characters, unpaired surrogates and others. */
  text(longest: number): string {
    const alphabets = ['abcXYZ019 ', '\u0000\u0001\n\t\u007f"\\', 'äß漢字🎥', '\ud800\udfff', '../~%$`;'];
    const characters = Array.from(this.of(alphabets) + this.of(alphabets));
    return Array.from({ length: this.int(0, longest) }, () => this.of(characters)).join('');
  }

  /** Any JSON value. */
  json(depth = 3): unknown {
    const leaves: readonly (() => unknown)[] = [
      () => null,
      () => this.once(2),
      () => this.int(-5, 5),
      () => this.of([0, -0, 0.5, -1, 1e300, -1e300, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, 1e-320, 16_384, 16_385]),
      () => this.text(20),
    ];
    if (depth === 0 || this.once(2)) return this.of(leaves)();
    const count = this.int(0, 4);
    if (this.once(2)) return Array.from({ length: count }, () => this.json(depth - 1));
    return Object.fromEntries(Array.from({ length: count }, () => [this.text(6), this.json(depth - 1)]));
  }

  /** The same with a few bytes changed, removed or inserted. */
  mutated(bytes: Buffer): Buffer {
    let out = Buffer.from(bytes);
    for (let n = this.of([1, 1, 2, 4]); n > 0 && out.length > 0; n -= 1) {
      const at = this.int(0, out.length - 1);
      const what = this.int(0, 3);
      if (what === 0) out[at] = this.u32() & 255;
      else if (what === 1) out[at] = (out[at] ?? 0) ^ (1 << this.int(0, 7));
      else if (what === 2) out = Buffer.concat([out.subarray(0, at), out.subarray(at + this.int(1, 6))]);
      else out = Buffer.concat([out.subarray(0, at), this.bytes(this.int(1, 6)), out.subarray(at)]);
    }
    return out;
  }
}
