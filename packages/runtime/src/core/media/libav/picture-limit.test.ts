import { h264Sps, h265Sps } from '@vigia/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { referencePictures, type SourceFormat } from '#core/media';
import { PictureLimit, refusal } from './picture-limit.ts';

const FORMAT: Omit<SourceFormat, 'codec'> = {
  kind: 'rtsp',
  transport: 'tcp',
  extradata: undefined,
  raw: undefined,
  audio: undefined,
  live: true,
};
const START = Buffer.from([0, 0, 1]);
const FULL_HD = { width: 1920, height: 1080 };
const UHD = { width: 3840, height: 2160 };

/** What is said of a unit; undefined when it is allowed. */
function judge(most: { readonly width: number; readonly height: number }, codec: string, data: Buffer) {
  const said: string[] = [];
  const limit = new PictureLimit(most, (needs) => said.push(refusal(needs, most)));
  limit.begin({ ...FORMAT, codec });
  const refused = limit.refusesUnit(codec === 'mjpeg' ? data : Buffer.concat([START, data]), true);
  expect(said.length).toBe(refused ? 1 : 0);
  return said[0]?.replace(/; max_picture allows \d+×\d+: raise it, or name a smaller stream as detect_source$/, '');
}

interface Pictures {
  readonly width: number;
  readonly height: number;
  readonly references: number;
  readonly chroma?: number;
  readonly depth?: number;
}
const h264 = (pictures: Pictures): Buffer => h264Sps({ ...pictures, profile: 100, frames: true });
const h265 = (pictures: Pictures): Buffer => h265Sps({ ...pictures, layers: 0 });

describe('pictures that are as large as allowed', () => {
  const side = fc.integer({ min: 1, max: 256 }).map((blocks) => blocks * 32);

  test('8 bits in 4:2:0 are allowed with every size, and all references of its level', () => {
    fc.assert(
      fc.property(side, side, (width, height) => {
        const pictures = { width, height, references: referencePictures(width, height) };
        expect(judge(pictures, 'h264', h264(pictures))).toBeUndefined();
        expect(judge(pictures, 'hevc', h265(pictures))).toBeUndefined();
      }),
    );
  });

  const FULL = { width: 1920, height: 1088 };
  test.each<[string, Pictures, string | undefined]>([
    ['10 bits, few references', { ...FULL, references: 10, depth: 10 }, undefined],
    [
      '10 bits, many',
      { ...FULL, references: 11, depth: 10 },
      'the camera sends 1920×1088 with 3 bytes a pixel (8 bits in 4:2:0 have 1.5) and has 11 pictures kept',
    ],
    ['4:2:2, 8 bits', { ...FULL, references: 4, chroma: 2 }, undefined],
    [
      '4:4:4, 14 bits',
      { ...FULL, references: 4, chroma: 3, depth: 14 },
      'the camera sends 1920×1088 with 6 bytes a pixel (8 bits in 4:2:0 have 1.5) and has 4 pictures kept',
    ],
  ])('%s', (_, pictures, said) => {
    expect(judge(FULL_HD, 'h264', h264(pictures))).toBe(said);
    expect(judge(FULL_HD, 'hevc', h265(pictures))).toBe(said);
  });

  test('smaller ones of more bits are allowed where larger ones of 8 bits are', () => {
    expect(judge(UHD, 'hevc', h265({ ...FULL, references: 16, depth: 10 }))).toBeUndefined();
  });

  test('the largest ones of 10 bits are allowed with as many references as cameras have', () => {
    expect(judge(UHD, 'hevc', h265({ ...UHD, references: 3, depth: 10 }))).toBeUndefined();
    expect(judge(UHD, 'hevc', h265({ ...UHD, references: 4, depth: 10 }))).toMatch(/3 bytes a pixel/);
  });
});

describe('pictures that are held back for reordering', () => {
  const announced = (references: number, most = UHD): { limit: PictureLimit; said: string[] } => {
    const said: string[] = [];
    const limit = new PictureLimit(most, (needs) => said.push(refusal(needs, most).replace(/;.*/, '')));
    limit.begin({ ...FORMAT, codec: 'h264' });
    const sps = h264({ width: most.width, height: Math.ceil(most.height / 32) * 32, references });
    expect(limit.refusesUnit(Buffer.concat([START, sps]), true)).toBe(false);
    return { limit, said };
  };

  test('as many as a level allows beside all references are allowed', () => {
    for (const [references, pictures] of [
      [5, 4],
      [1, 0],
    ] as const)
      expect(announced(references).limit.refusesHeldBack(pictures)).toBe(false);
    expect(announced(16, FULL_HD).limit.refusesHeldBack(4)).toBe(false);
  });

  test('more are refused, once, whenever the decoder finds them', () => {
    const { limit, said } = announced(6);
    expect([2, 2, 16, 16].map((pictures) => limit.refusesHeldBack(pictures))).toEqual([false, false, true, false]);
    expect(said).toEqual(['the camera sends 3840×2176 and has 22 pictures kept']);
  });

  test('larger pictures behind smaller ones are counted again', () => {
    const { limit, said } = announced(1, { width: 1920, height: 1080 });
    expect(limit.refusesHeldBack(16)).toBe(false);
    limit.refusesUnit(Buffer.concat([START, h264({ width: 1920, height: 1088, references: 16 })]), false);
    expect([limit.refusesHeldBack(16), said.length]).toEqual([true, 1]);
  });

  test('nothing is known before a stream has announced its size', () => {
    const limit = new PictureLimit(UHD, () => undefined);
    limit.begin({ ...FORMAT, codec: 'h264' });
    expect(limit.refusesHeldBack(16)).toBe(false);
  });
});

describe('what is larger', () => {
  test('is refused with its size, without its bits', () => {
    const sps = h265({ width: 4096, height: 4096, references: 1, depth: 10 });
    expect(judge(FULL_HD, 'hevc', sps)).toBe('the camera sends 4096×4096');
  });

  test('an SPS that cannot be read is refused: what a decoder makes of it is not known', () => {
    for (const [codec, sps] of [
      ['h264', h264({ ...UHD, references: 1 })],
      ['hevc', h265({ ...UHD, references: 1 })],
    ] as const)
      expect(judge(UHD, codec, sps.subarray(0, 8))).toBe(
        'the camera describes its pictures (SPS) in a way that cannot be read: nobody knows what memory they need',
      );
  });

  test('a JPEG is refused by its header', () => {
    const jpeg = (width: number, height: number, bits = 8, parts = 3): Buffer => {
      const data = Buffer.from('ffd8ffc0001108000000000000', 'hex');
      data.writeUInt8(bits, 6);
      data.writeUInt16BE(height, 7);
      data.writeUInt16BE(width, 9);
      data.writeUInt8(parts, 11);
      return data;
    };
    expect(judge(UHD, 'mjpeg', jpeg(3840, 2160))).toBeUndefined();
    expect(judge(UHD, 'mjpeg', jpeg(2160, 3840))).toBeUndefined();
    expect(judge(UHD, 'mjpeg', jpeg(8000, 4000))).toBe('the camera sends 8000×4000');
    expect(judge(UHD, 'mjpeg', jpeg(3840, 2160, 16, 4))).toBe(
      'the camera sends 3840×2160 with 8 bytes a pixel (8 bits in 4:2:0 have 1.5)',
    );
  });

  test.each(['h264', 'hevc', 'mjpeg'])('%s: its decoder is not told more than the allowed pixels', (codec) => {
    const limit = new PictureLimit(FULL_HD, () => undefined);
    limit.begin({ ...FORMAT, codec });
    expect(limit.pixels).toBe(1920 * 1088);
  });
});
