import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRunLengths, encodeRunLengths } from './mask.ts';

const cells = fc.array(fc.constantFrom(0, 1), { maxLength: 400 }).map((values) => Uint8Array.from(values));

test('run lengths of known cells begin with outside', () => {
  expect(encodeRunLengths(Uint8Array.of(0, 0, 1, 0, 1, 1))).toEqual([2, 1, 1, 2]);
  expect(encodeRunLengths(Uint8Array.of(7, 7, 7))).toEqual([0, 3]);
  expect(encodeRunLengths(new Uint8Array(9))).toEqual([9]);
  expect(encodeRunLengths(new Uint8Array(0))).toEqual([0]);
});

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(cells, (mask) => {
      expect(decodeRunLengths(encodeRunLengths(mask), mask.length)).toEqual(mask);
    }),
  );
});

test('every run but the first has cells, and together they are all', () => {
  fc.assert(
    fc.property(cells, (mask) => {
      const counts = encodeRunLengths(mask);
      expect(counts.slice(1).every((count) => count > 0)).toBe(true);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(mask.length);
    }),
  );
});

test('run lengths of another size are refused', () => {
  expect(() => decodeRunLengths([1, 2], 4)).toThrow(RangeError);
  expect(() => decodeRunLengths([], 1)).toThrow('run lengths of 0 cells are not a mask of 1');
});
