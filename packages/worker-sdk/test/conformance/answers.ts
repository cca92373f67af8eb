import { PIXEL_FORMATS } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { BRIGHT, picture } from './pictures.ts';
import type { Rig } from './rig.ts';

const SIZES = [
  [16, 4],
  [102, 10],
] as const;
const ODD_SIZES = [
  ['RGB24', 3, 2],
  ['RGB24', 331, 3],
  ['BGR24', 7, 5],
  ['GRAY8', 2, 3],
  ['GRAY8', 331, 3],
] as const;

/** Exactly one correct answer per frame, over any transport. */
export function answerTests(rig: Rig): void {
  test('ready is what it says first, unasked and once', async () => {
    // Hosts expect it at the start, and expect nothing but answers until the end.
    await rig.works(await rig.start());
  });

  test('every format, dark and bright', async () => {
    const shapes = SIZES.flatMap(([width, height]) => PIXEL_FORMATS.map((format) => [format, width, height] as const));
    await rig.show(shapes.flatMap((shape) => [0, 77, 78, 155].map((darkest) => picture(...shape, darkest))));
  });

  test('odd sizes of packed formats', async () => {
    await rig.show(ODD_SIZES.map(([format, width, height]) => picture(format, width, height, 90)));
  });

  test('pictures of 1920 × 1080, one after another', async () => {
    await rig.show([60, 100, 0].map((darkest) => picture('RGB24', 1920, 1080, darkest)));
  });

  test('200 frames, and each answer is about its own', async () => {
    const pictures = Array.from({ length: 200 }, (_, i) => picture('GRAY8', 16, 4, (i * 11) % 156));
    await rig.show(pictures);
  });

  test.runIf(rig.subject.can.tell)('it knows its id, its input limits and its options', async () => {
    const options = { tell: true, threshold: 0.25, words: ['a', 'ü'], deep: { nothing: null } };
    const worker = await rig.start({ options });
    const seq = worker.give(BRIGHT);
    const told = { variables: ['test', 'hall', 'consumer', 'its-id'], options, input: ['GRAY8', 16, 4] };
    expect(await worker.next()).toMatchObject({ type: 'result', seq, data: { told } });
  });
}
