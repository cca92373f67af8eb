import type { PixelFormat } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { BRIGHT, DARK, picture } from './pictures.ts';
import type { Rig } from './rig.ts';

const HALVED: readonly PixelFormat[] = ['NV12', 'I420'];
const PACKED: readonly PixelFormat[] = ['RGB24', 'BGR24', 'GRAY8'];
const ODD_SIZES = [
  [2, 2],
  [3, 2],
  [7, 5],
  [331, 3],
] as const;

/** One right answer per frame, whatever carries the pixels. */
export function answerTests(rig: Rig): void {
  test('ready is what it says first, unasked and once', async () => {
    // Who starts a worker expects it, and who leaves it expects that nothing was said besides answers.
    await rig.works(await rig.start());
  });

  test.each([...PACKED, ...HALVED])('%s, dark and bright', async (format) => {
    const sizes = [
      [16, 4],
      [64, 36],
      [102, 10],
    ] as const;
    await rig.show(sizes.flatMap(([width, height]) => [0, 77, 78, 155].map((d) => picture(format, width, height, d))));
  });

  test('odd sizes of packed formats', async () => {
    await rig.show(PACKED.flatMap((format) => ODD_SIZES.map(([width, height]) => picture(format, width, height, 90))));
  });

  test('pictures of 1920 × 1080, one after another', async () => {
    const worker = await rig.start({ input: { format: 'RGB24', width: 1920, height: 1080 } });
    for (const darkest of [60, 100, 0]) await rig.sees(worker, picture('RGB24', 1920, 1080, darkest));
  });

  test('200 frames, and each answer is about its own', async () => {
    const worker = await rig.start();
    const pictures = Array.from({ length: 156 }, (_, darkest) => picture('GRAY8', 16, 4, darkest));
    for (let i = 0; i < 200; i += 1) await rig.sees(worker, pictures[(i * 11) % pictures.length] ?? DARK);
  });

  test.runIf(rig.subject.can.tell)('it knows who it is, what it may get, and its options', async () => {
    const options = { tell: true, threshold: 0.25, words: ['a', 'ü'], deep: { nothing: null } };
    const worker = await rig.start({ options });
    const seq = worker.give(BRIGHT);
    const told = { variables: ['test', 'hall', 'consumer', 'its-id'], options, input: ['GRAY8', 16, 4] };
    expect(await worker.next()).toMatchObject({ type: 'result', seq, data: { told } });
  });
}
