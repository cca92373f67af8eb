import { type PixelFormat, PIXEL_FORMATS } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { codeOfAnswer } from './peer.ts';
import { type Colour, packed } from './pictures.ts';
import { COLOUR, type Rig } from './rig.ts';

/** Two roundings: of the format and of the conversion back. */
const TOLERANCE = 0.006;
const SIZES = [
  [8, 8],
  [64, 48],
  [7, 5],
  [1, 1],
  [33, 1],
  [1, 9],
  [2, 1],
  [331, 3],
] as const;
const COLOURS: readonly Colour[] = [COLOUR, [0, 0, 0], [255, 255, 255], [90, 90, 90], [30, 200, 220]];

/** Formats and sizes: the container accepts all that it declares, with the same result. */
export function pictureTests(rig: Rig): void {
  async function formats(): Promise<readonly PixelFormat[]> {
    return (await (await rig.connect()).describe()).input.formats;
  }

  describe.each(PIXEL_FORMATS)('%s', (format) => {
    test('every size, in plain files', async () => {
      const peer = await rig.connect();
      const taken = (await formats()).includes(format);
      for (const [width, height] of SIZES) {
        const answer = await peer.infer(rig.infer({}, rig.files.plain(packed(format, width, height, COLOUR), 1)));
        if (taken) rig.seen(answer, COLOUR, TOLERANCE);
        else expect(codeOfAnswer(answer)).toBe('frame_invalid');
      }
    });

    test('every colour, in slots', async () => {
      const peer = await rig.connect();
      const taken = (await formats()).includes(format);
      const segment = rig.files.segment(`format-${format}`, 16 * 12 * 3);
      for (const [i, colour] of COLOURS.entries()) {
        const answer = await peer.infer(rig.infer({}, segment.put(i % 4, packed(format, 16, 12, colour), i + 1)));
        if (taken) rig.seen(answer, colour, TOLERANCE);
        else expect(codeOfAnswer(answer)).toBe('frame_invalid');
      }
      segment.close();
    });
  });

  test('a picture of many colours, of the declared size, is looked at as it is', async () => {
    const peer = await rig.connect();
    const bytes = Buffer.from(Array.from({ length: 8 * 8 * 3 }, (_, i) => (i * 37) % 256));
    const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
    const reference = rig.files.plain({ width: 8, height: 8, format: 'RGB24', bytes }, 1);
    rig.seen(await peer.infer(rig.infer({}, reference)), [mean, mean, mean]);
  });

  test('the answer is about the picture of the request, not about the one before', async () => {
    const peer = await rig.connect();
    for (const [i, colour] of [...COLOURS, ...COLOURS].entries()) {
      const reference = rig.files.plain(packed('RGB24', 8, 8, colour), i);
      const answer = await peer.infer(rig.infer({}, reference));
      rig.seen(answer, colour);
      expect(answer.frame_id).toBe(i);
    }
  });
}
