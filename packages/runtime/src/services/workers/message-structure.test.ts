import { Decoder, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { structureOf } from './message-structure.ts';

/** Anything that MessagePack can say, bytes, large numbers and times too. */
const values = fc.anything({
  values: [
    fc.string({ maxLength: 300 }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.date({ noInvalidDate: true }),
  ],
  maxDepth: 8,
  maxKeys: 40,
});

function bytes(value: unknown): Buffer {
  return Buffer.from(encode(value, { maxDepth: 200 }));
}

describe('a MessagePack value is whole', () => {
  test('for any output of an encoder', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(structureOf(bytes(value))).toBe('whole');
      }),
      { numRuns: 500 },
    );
  });

  test('for every size of text, bytes, list, map and number', () => {
    for (const size of [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const list = Array.from({ length: size }, (_, i) => i);
      const map = Object.fromEntries(list.map((i) => [String(i), null]));
      for (const value of ['x'.repeat(size), new Uint8Array(size), list, map])
        expect(structureOf(bytes(value))).toBe('whole');
    }
    for (const value of [-1, -33, -129, -32_769, -(2 ** 40), 127, 128, 256, 65_536, 2 ** 40, 0.5, true, null])
      expect(structureOf(bytes(value))).toBe('whole');
  });

  test('not with a byte less, nor with one more', () => {
    fc.assert(
      fc.property(values, (value) => {
        const whole = bytes(value);
        expect(structureOf(whole.subarray(0, -1))).toBe('broken');
        expect(structureOf(Buffer.concat([whole, Buffer.from([0xc0])]))).toBe('broken');
      }),
      { numRuns: 300 },
    );
  });

  test('exactly when the decoder can read it, for any bytes', () => {
    const decoder = new Decoder({ maxArrayLength: 4_096, maxMapLength: 4_096 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (random) => {
        const payload = Buffer.from(random);
        if (structureOf(payload) === 'whole') return;
        // Keys that are no texts and time stamps of odd sizes are the decoder's affair, not the other way round.
        expect(() => decoder.decode(payload)).toThrow(Error);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('claims of gigabytes', () => {
  const huge = (count: number): Buffer =>
    Buffer.from(Array.from({ length: count }, () => [0xdd, 0x01, 0xff, 0xff, 0xff]).flat());

  test('lists that claim 33 million items are refused, single or nested', () => {
    for (const count of [1, 3, 20]) expect(structureOf(huge(count))).toBe('broken');
    expect(structureOf(huge(1_000))).toBe('deep');
  });

  test('so are maps and texts that claim more than their bytes', () => {
    for (const first of [0xdf, 0xdb, 0xc6, 0xc9])
      expect(structureOf(Buffer.from([first, 0xff, 0xff, 0xff, 0xff, 1]))).toBe('broken');
  });

  test('64 levels of lists and maps are accepted, 65 are not', () => {
    const nested = (depth: number): Buffer => Buffer.from([...Array.from({ length: depth }, () => 0x91), 0xc0]);
    expect(structureOf(nested(64))).toBe('whole');
    expect(structureOf(nested(65))).toBe('deep');
    expect(structureOf(nested(100_000))).toBe('deep');
  });
});
