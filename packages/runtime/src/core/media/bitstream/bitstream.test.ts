import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitReader } from './bit-reader.ts';
import { ParameterSetWatch } from './parameter-set-watch.ts';
import { UnitInspector } from './unit-inspector.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const annexB = (...nals: string[]): Buffer => Buffer.concat(nals.flatMap((nal) => [hex('00000001'), hex(nal)]));

/** What the inspector says about a unit. */
function inspected(codec: 'h264' | 'hevc', ...nals: string[]): unknown {
  const inspector = new UnitInspector(codec);
  inspector.inspect(annexB(...nals));
  const { keyframe, recovery, reference } = inspector;
  return { keyframe, recovery, reference };
}

describe('the bit reader', () => {
  test('reads bits and Exp-Golomb codes, without emulation prevention', () => {
    const reader = new BitReader().open(hex('a6 42 98'), 0, 3);
    // 1 010 011 00100 00101 0011…
    expect([reader.ue(), reader.ue(), reader.ue(), reader.ue(), reader.ue()]).toEqual([0, 1, 2, 3, 4]);
    expect(new BitReader().open(hex('000003 01'), 0, 4).bits(24)).toBe(1);
    expect(new BitReader().open(hex('ff'), 0, 1).bits(8)).toBe(255);
    expect(new BitReader().open(hex('42'), 0, 1).se()).toBe(1);
    expect(new BitReader().open(hex('60'), 0, 1).se()).toBe(-1);
  });

  test('past the end, and at codes that no stream has, it is spent', () => {
    const short = new BitReader().open(hex('ff'), 0, 1);
    expect([short.bits(8), short.spent, short.bit(), short.spent]).toEqual([255, false, 0, true]);
    const long = new BitReader().open(Buffer.alloc(64), 0, 64);
    expect([long.ue(), long.spent]).toEqual([0, true]);
  });
});

describe('where decoding can begin', () => {
  const AT_ONCE = { references: 1, pictures: 0 };

  test.each([
    ['IDR', ['65 88'], { keyframe: true, recovery: undefined, reference: true }],
    ['parameter sets alone', ['67 42', '68 ce', '41 9a'], { keyframe: false, recovery: undefined, reference: true }],
    ['not referred to', ['01 9a'], { keyframe: false, recovery: undefined, reference: false }],
    // ue(v) 10 is 0001011; exact_match_flag 1.
    [
      'recovery point, 10',
      ['06 06 02 17 20 80', '41 9a'],
      { keyframe: true, recovery: { references: 11, pictures: 0 }, reference: true },
    ],
    ['recovery point, 0', ['06 06 01 c4 80', '41 9a'], { keyframe: true, recovery: AT_ONCE, reference: true }],
    [
      'after another message',
      ['06 05 02 0101 06 01 c4 80', '41 9a'],
      { keyframe: true, recovery: AT_ONCE, reference: true },
    ],
    ['behind the slice', ['41 9a', '06 06 01 c4 80'], { keyframe: false, recovery: undefined, reference: true }],
    [
      'IDR with a recovery point',
      ['06 06 01 c4 80', '65 88'],
      { keyframe: true, recovery: undefined, reference: true },
    ],
    ['cut off', ['06 06', '41 9a'], { keyframe: false, recovery: undefined, reference: true }],
    ['without end', ['06 ff ff ff', '41 9a'], { keyframe: false, recovery: undefined, reference: true }],
    [
      'a count that no stream has',
      ['06 06 05 00 00 80 00 80', '41 9a'],
      { keyframe: false, recovery: undefined, reference: true },
    ],
  ])('H.264: %s', (_, nals, expected) => {
    expect(inspected('h264', ...nals)).toEqual(expected);
  });

  test.each([
    ['IDR_W_RADL', ['2601 af'], { keyframe: true, recovery: undefined, reference: true }],
    ['IDR_N_LP', ['2801 af'], { keyframe: true, recovery: undefined, reference: true }],
    ['CRA', ['2a01 af'], { keyframe: true, recovery: AT_ONCE, reference: true }],
    ['BLA', ['2001 af'], { keyframe: true, recovery: AT_ONCE, reference: true }],
    [
      'parameter sets alone',
      ['4001 0c', '4201 01', '4401 c0', '0201 d0'],
      { keyframe: false, recovery: undefined, reference: true },
    ],
    [
      'recovery point, 60',
      ['4e01 06 02 03c5 80', '0201 d0'],
      { keyframe: true, recovery: { references: 1, pictures: 60 }, reference: true },
    ],
    ['recovery point, -1', ['4e01 06 01 70 80', '0201 d0'], { keyframe: true, recovery: AT_ONCE, reference: true }],
    [
      'in a message after the picture',
      ['5001 06 02 03c5 80', '0201 d0'],
      { keyframe: false, recovery: undefined, reference: true },
    ],
  ])('H.265: %s', (_, nals, expected) => {
    expect(inspected('hevc', ...nals)).toEqual(expected);
  });

  test.each(['h264', 'hevc'] as const)(
    'hostile bytes of %s: no error, no number that is too large, in bounded time',
    (codec) => {
      const inspector = new UnitInspector(codec);
      const watch = new ParameterSetWatch(codec);
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (nals) => {
          const data = Buffer.concat(nals.flatMap((nal) => [hex('000001'), nal]));
          inspector.inspect(data);
          watch.see(data);
          const { references = 1, pictures = 0 } = inspector.recovery ?? {};
          expect(references + pictures).toBeLessThanOrEqual(65_537);
          expect(watch.missing ?? 'PPS 1').toMatch(/^(VPS|SPS|PPS)( \d+)?$/);
        }),
        { numRuns: 2000 },
      );
      // 8 MiB of one SEI, and of small ones: little of them is read.
      inspector.inspect(
        Buffer.concat([hex('000001'), hex(codec === 'h264' ? '06' : '4e01'), Buffer.alloc(8 * 2 ** 20, 255)]),
      );
      inspector.inspect(Buffer.concat(Array.from({ length: 100_000 }, () => hex('0000010606'))));
      expect(inspector.keyframe).toBe(false);
    },
  );
});
