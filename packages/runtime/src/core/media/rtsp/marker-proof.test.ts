import { describe, expect, test } from 'vitest';
import { AccessUnitAssembler } from './access-unit-assembler.ts';
import { H265 } from './nal-format.ts';
import { emptyRtpHeader } from './rtp.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('H.265: what proves a marker right', () => {
  /** When the units of a stream come out: after how many packets; negative when damaged. Payloads of one unit, markers. */
  const outOf = (...pictures: readonly (readonly [string, boolean])[][]): number[] => {
    const out: number[] = [];
    let packets = 0;
    const assembler = new AccessUnitAssembler(H265, ({ damaged }) => out.push(damaged ? -packets : packets));
    for (const [n, picture] of pictures.entries())
      for (const [text, marker] of picture) {
        packets += 1;
        const payload = hex(text);
        const header = {
          ...emptyRtpHeader(),
          timestamp: n * 9000,
          sequence: packets,
          payloadEnd: payload.byteLength,
        };
        assembler.push(payload, { ...header, marker }, packets);
      }
    return out;
  };
  const SMALL = [['0201d0', true]] as const;
  const FRAGMENTED = [
    ['620181d0', false],
    ['62014101', true],
  ] as const;
  const LYING_IDR = [
    ['260188aa', true],
    ['260122bb', true],
  ] as const;

  test.each([
    ['in one packet', [...SMALL]],
    ['in fragments', [...FRAGMENTED]],
    ['of two slices in one packet', [['600100030201d00003020155', true]] as [string, boolean][]],
  ])('pictures of one slice %s prove no marker: the keyframe behind them has several', (_, small) => {
    const times = (n: number): number => n * small.length + 1;
    expect(outOf(small, small, [...LYING_IDR], [...SMALL])).toEqual([times(1), times(2), times(2) + 2]);
  });

  test('a picture whose beginning is missing proves none', () => {
    expect(outOf([['02012255', true]], [...LYING_IDR], [...SMALL])).toEqual([-2, 4]);
    const rest: [string, boolean][] = [
      ['62015322', false],
      ['02012233', true],
    ];
    expect(outOf(rest, [...LYING_IDR], [...SMALL])).toEqual([-3, 5]);
    expect(outOf(rest, [...SMALL], [...SMALL], [...LYING_IDR], [...SMALL])).toEqual([-3, 4, 5, 7]);
  });

  test.each([
    [
      'a keyframe that is one slice, although large',
      [
        ['62019388', false],
        ['62015301', true],
      ],
    ],
    [
      'a picture of two slices',
      [
        ['0201d0', false],
        ['02012255', true],
      ],
    ],
  ] as [string, [string, boolean][]][])('markers count from %s on', (_, proof) => {
    expect(outOf([...SMALL], [...SMALL], proof, [...SMALL], [...SMALL])).toEqual([2, 3, 5, 5, 6]);
  });

  test('a loss after a marker proves nothing', () => {
    const arrivals: number[] = [];
    let now = 0;
    const assembler = new AccessUnitAssembler(H265, ({ damaged }) => arrivals.push(damaged ? -now : now));
    const sent = [
      [1, 0, '62019388'],
      [2, 0, '62015301'],
      [4, 9000, '62019388'],
      [5, 9000, '62015301'],
      [6, 18_000, '0201d0'],
    ] as const;
    for (const [sequence, timestamp, text] of sent) {
      now += 1;
      const marker = sequence % 4 !== 0 && sequence !== 1;
      const header = { ...emptyRtpHeader(), marker, timestamp, sequence, payloadEnd: text.length / 2 };
      assembler.push(hex(text), header, now);
    }
    // The first one may lack slices; only the third one proves the marker of the second.
    expect(arrivals).toEqual([-3, 5, 5]);
  });
});
