import { h264Sps, h265Sps } from '@vigia/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
        expect(needsIn('h264', Buffer.from([9, 16]), sps)).toEqual([{ width, height, references: kept }]);
      }),
    );
  });

  test('H.265: any size, any number of references, any layers', () => {
    fc.assert(
      fc.property(side, side, references, fc.integer({ min: 0, max: 6 }), (width, height, kept, layers) => {
        const sps = h265Sps({ width, height, references: kept, layers });
        expect(needsIn('hevc', sps)).toEqual([{ width, height, references: kept }]);
      }),
    );
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
