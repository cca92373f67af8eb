import { expect, test } from 'vitest';
import type { Model, Seen } from '#model';
import { FrameRuns } from './frame-runs.ts';
import { lookAt } from './golden.ts';

/** Returns an empty result for a given number of frames, regardless of its input. */
const modelOf = (results: number): Model => ({
  facts: {
    version: '0',
    task: 'detection',
    classes: ['a'],
    frame: { width: 1, height: 1, fit: 'stretch' },
    maxBatch: 2,
    provider: 'test',
    p99Ms: undefined,
  },
  take: () => undefined,
  run: () => Promise.resolve(Array.from({ length: results }, (): Seen => ({ detections: [] }))),
  close: () => Promise.resolve(),
});
const job = {
  connection: 1,
  request: {
    frame_reference: 'f',
    frame_metadata: { frame_id: 1, width: 1, height: 1, format: 'RGB24' as const },
  },
};
const runs = (results: number): FrameRuns =>
  new FrameRuns(modelOf(results), () => ({ use: () => ({ status: 'ok' }), close: () => undefined }));

test('a picture without a result is a failure, and not one without anything', async () => {
  const failed = { code: 'inference_failed', message: 'the model gave no result for picture 2' };
  await expect(runs(1).run([job, job])).rejects.toMatchObject(failed);
  expect((await runs(2).run([job, job])).results).toEqual([
    { status: 'ok', detections: [] },
    { status: 'ok', detections: [] },
  ]);
  await expect(lookAt(modelOf(0), new Uint8Array(3))).rejects.toMatchObject({ code: 'inference_failed' });
});
