import { h264Sps, h265Sps } from '@vigia/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JpegNeeds } from './jpeg-needs.ts';
import { type Needs, PictureNeeds } from './picture-needs.ts';

const START = Buffer.from([0, 0, 1]);
const needsIn = (codec: 'h264' | 'hevc', ...nals: Buffer[]): Needs[] => {
  const found: Needs[] = [];
  const data = Buffer.concat(nals.flatMap((nal) => [START, nal]));
  new PictureNeeds(codec).some(data, (needs) => found.push(needs) < 0);
  return found;
};
const side = fc.integer({ min: 1, max: 1024 }).map((blocks) => blocks * 32);
const references = fc.integer({ min: 0, max: 16 });

describe('what a decoder will allocate', () => {
  test.each([66, 77, 100])('H.264, profile %d: any size, any number of references, fields or frames', (profile) => {
    fc.assert(
      fc.property(side, side, references, fc.boolean(), (width, height, kept, frames) => {
        const sps = h264Sps({ profile, width, height, references: kept, frames });
        expect(needsIn('h264', Buffer.from([9, 16]), sps)).toEqual([{ width, height, references: kept, bytes: 1.5 }]);
      }),
    );
  });

  test('H.265: any size, any number of references, any layers', () => {
    fc.assert(
      fc.property(side, side, references, fc.integer({ min: 0, max: 6 }), (width, height, kept, layers) => {
        const sps = h265Sps({ width, height, references: kept, layers });
        expect(needsIn('hevc', sps)).toEqual([{ width, height, references: kept, bytes: 1.5 }]);
      }),
    );
  });

  const PIXELS = [
    [0, 8, 1.5],
    [1, 8, 1.5],
    [1, 10, 3],
    [2, 8, 2],
    [2, 10, 4],
    [3, 8, 3],
    [3, 14, 6],
  ] as const;
  test.each(PIXELS)('pixels in format %d with %d bits take %d bytes', (chroma, depth, bytes) => {
    const needs = { width: 1920, height: 1088, references: 4 };
    const sps = { ...needs, chroma, depth };
    expect(needsIn('h264', h264Sps({ ...sps, profile: 100, frames: true }))).toEqual([{ ...needs, bytes }]);
    expect(needsIn('hevc', h265Sps({ ...sps, layers: 0 }))).toEqual([{ ...needs, bytes }]);
  });

  // From the descriptions of cameras in the test data of retina.
  test.each([
    ['h264', 'Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==', 1920, 1088],
    ['h264', 'Z00AKpWoHgCJ+WbgICAgQAAAAAE=', 1920, 1088],
    ['h264', 'Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA', 704, 480],
    ['h264', 'Z2QAM6zoAoALWQ==', 2560, 1440],
    ['hevc', 'QgEBAUAAAAMAAAMAAAMAAAMAmaACgIAsH+Wu5Gwa5VE1BQYFAIA=', 1280, 704],
    ['hevc', 'QgEBAWAAAAMAsAAAAwAAAwBaoAWCAeFja5JFL83BQYFBAAADAAEAAAMADKE=', 704, 480],
  ] as const)('of a camera: %s, %s', (codec, sps, width, height) => {
    const found = needsIn(codec, Buffer.from(sps, 'base64'));
    expect(found).toEqual([{ width, height, references: 1, bytes: 1.5 }]);
  });

  describe('an SPS that is cut off has no size', () => {
    const UNREADABLE = { width: 0, height: 0, references: 0, bytes: 0 };

    test('wherever it ends', () => {
      const sps = h264Sps({ profile: 66, width: 640, height: 480, references: 2, frames: false });
      const bits = [...sps.subarray(1)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      // profile, flags, level: 24 bits; 1 1 1 011 011 0; 40 and 15 in codes of 11 and 7 bits; frame_mbs_only_flag.
      const read = 24 + 10 + 11 + 7 + 1;
      for (let length = 0; length < bits.length - 8; length += 1) {
        const padded = `${bits.slice(0, length)}1`.padEnd(Math.ceil((length + 1) / 8) * 8, '0');
        const bytes = (padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
        const [needs] = needsIn('h264', Buffer.from([0x67, ...bytes]));
        expect([length, needs?.width]).toEqual([length, length >= read ? 640 : 0]);
      }
    });

    test.each(['h264', 'hevc'] as const)('%s: nothing but a header', (codec) => {
      const header = codec === 'h264' ? [0x67] : [0x42, 0x01];
      for (const rest of [[], [0], [0x80], [0, 0]])
        expect(needsIn(codec, Buffer.from([...header, ...rest]))).toEqual([UNREADABLE]);
    });
  });

  describe('the header of a JPEG', () => {
    const needsOf = (...bytes: string[]): Needs[] => {
      const found: Needs[] = [];
      new JpegNeeds().some(Buffer.from(bytes.join('').replaceAll(' ', ''), 'hex'), (needs) => found.push(needs) < 0);
      return found;
    };
    const APP = 'ffe0 0004 0000';
    const frame = (marker: string, bits = '08', parts = '03'): string => `ff${marker} 0011 ${bits} 0438 0780 ${parts}`;

    test.each(['c0', 'c1', 'c2', 'c3', 'c5', 'c6', 'c7', 'c9', 'ca', 'cb', 'cd', 'ce', 'cf'])('SOF %s', (marker) => {
      const needs = { width: 1920, height: 1080, references: 0, bytes: 3 };
      expect(needsOf('ffd8', APP, 'ffff', frame(marker))).toEqual([needs]);
      expect(needsOf('ffd8', frame(marker, '10', '04'))).toEqual([{ ...needs, bytes: 8 }]);
    });

    test('is asked about once, until it changes or is refused', () => {
      const reader = new JpegNeeds();
      const asked: number[] = [];
      const see = (header: string, refused = false): boolean =>
        reader.some(Buffer.from(`ffd8${header}`.replaceAll(' ', ''), 'hex'), ({ bytes }) => {
          asked.push(bytes);
          return refused;
        });
      for (const header of [frame('c0'), frame('c0'), frame('c0', '10'), frame('c0', '10', '01'), frame('c0')])
        expect(see(header)).toBe(false);
      expect([see(frame('c0', '10'), true), see(frame('c0', '10'), true)]).toEqual([true, true]);
      expect(asked).toEqual([3, 6, 2, 3, 6, 6]);
    });

    test.each([
      ['tables alone', `ffd8 ${frame('c4')} 00 ${frame('c8')} 00 ${frame('cc')}`],
      ['no size', 'ffd8 ffc0 0011 08 0000 0780 03'],
      ['cut off', 'ffd8 ffc0 0011 08 0438 0780'],
      ['no JPEG', '0707070707070707070707070707070707'],
    ])('%s: nothing is known', (_, bytes) => {
      expect(needsOf(bytes)).toEqual([]);
    });

    test('hostile bytes: no error, in bounded time', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          needsOf('ffd8ff', Buffer.from(bytes).toString('hex'));
        }),
        { numRuns: 2000 },
      );
      expect(needsOf('ff'.repeat(2 ** 20))).toEqual([]);
    });
  });

  test('every one of them is seen, until one is enough', () => {
    const spsOf = (width: number): Buffer => h264Sps({ profile: 66, width, height: 32, references: 1, frames: true });
    const data = Buffer.concat([32, 64, 96].flatMap((width) => [START, spsOf(width)]));
    const seen: number[] = [];
    expect(new PictureNeeds('h264').some(data, ({ width }) => seen.push(width) === 2)).toBe(true);
    expect(seen).toEqual([32, 64]);
  });

  test.each(['h264', 'hevc'] as const)('hostile bytes of %s: no error, in bounded time', (codec) => {
    const head = codec === 'h264' ? [0x67] : [0x42, 0x01];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        needsIn(codec, Buffer.from([...head, ...bytes]));
      }),
      { numRuns: 2000 },
    );
    expect(needsIn(codec, Buffer.concat([Buffer.from(head), Buffer.alloc(2 ** 20, 0xff)])).length).toBeLessThan(2);
  });
});

describe('pictures that wait for one that is shown earlier', () => {
  const size = { width: 640, height: 384, references: 4 };
  const reorderedIn = (codec: 'h264' | 'hevc', sps: Buffer): number =>
    new PictureNeeds(codec).reorderedIn(Buffer.concat([START, sps]));

  test.each([0, 1, 2, 15])('%d, as an SPS says', (reordered) => {
    for (const profile of [66, 77, 100])
      for (const frames of [true, false])
        expect(reorderedIn('h264', h264Sps({ ...size, profile, frames, reordered }))).toBe(reordered);
    for (const layers of [0, 3]) expect(reorderedIn('hevc', h265Sps({ ...size, layers, reordered }))).toBe(reordered);
  });

  test('0 when an SPS of H.264 does not say, or is cut off; never more than codecs allow', () => {
    const sps = { ...size, profile: 77, frames: true };
    expect(reorderedIn('h264', h264Sps(sps))).toBe(0);
    expect(reorderedIn('h264', h264Sps({ ...sps, reordered: 2 }).subarray(0, -2))).toBe(0);
    expect(reorderedIn('h264', h264Sps({ ...sps, reordered: 1000 }))).toBe(16);
  });

  // Of x264 (with a description of the bit rate) and x265 with two pictures between references, of x264 without, of cameras.
  test.each([
    ['h264', 'Z2QADazZQUGfnwEQAAADABAAAAMBRgIAHoQAB6EpLKAeKFMs', 2],
    ['h264', 'Z2QAC6yyAoM/PgIgAAADACAAAAMCgeKFSQ==', 0],
    ['hevc', 'QgEBAWAAAAMAkAAAAwAAAwA8oAoIC595ZWSSTK8BaAgAAAMACAAAAwBQQA==', 2],
    ['h264', 'Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==', 0],
    ['h264', 'Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA', 0],
    ['hevc', 'QgEBAUAAAAMAAAMAAAMAAAMAmaACgIAsH+Wu5Gwa5VE1BQYFAIA=', 0],
    ['hevc', 'QgEBAWAAAAMAsAAAAwAAAwBaoAWCAeFja5JFL83BQYFBAAADAAEAAAMADKE=', 0],
  ] as const)('of an encoder: %s, %s', (codec, sps, reordered) => {
    expect(reorderedIn(codec, Buffer.from(sps, 'base64'))).toBe(reordered);
  });
});
