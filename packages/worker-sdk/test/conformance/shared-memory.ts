import type { WorkerRef } from '@vigia/contracts';
import { test } from 'vitest';
import { BRIGHT, DARK, picture } from './pictures.ts';
import { expectAnswer, expectError, type Rig } from './rig.ts';

const SMALL = { format: 'GRAY8', width: 16, height: 4 } as const;

/** References into frame segments: never a result about pixels that are not the frame's. */
export function sharedMemoryTests(rig: Rig): void {
  test('two segments in turn', async () => {
    const worker = await rig.startProcess();
    for (let seq = 1; seq <= 20; seq += 1) {
      const [name, shown] = seq % 2 ? ['one', BRIGHT] : ['other', DARK];
      worker.host.send(worker.segment(name).frame(seq, shown.pixels, SMALL));
      expectAnswer(await worker.next(), seq, shown);
    }
  });

  test('another epoch of the same path is read, the one before is an error', async () => {
    const worker = await rig.startProcess();
    const old = worker.frame(1, BRIGHT);
    worker.host.send(old);
    expectAnswer(await worker.next(), 1, BRIGHT);
    worker.dropSegment('a');
    // The same slot with the same generation: only the epoch tells them apart.
    worker.host.send(worker.frame(5, DARK));
    expectAnswer(await worker.next(), 5, DARK);
    worker.host.send({ ...old, seq: 9 });
    expectError(await worker.next(), 9);
    worker.host.send(worker.frame(13, BRIGHT));
    expectAnswer(await worker.next(), 13, BRIGHT);
  });

  test('a segment that is gone, and was never seen, is an error', async () => {
    const worker = await rig.startProcess();
    const frame = worker.segment('gone').frame(1, BRIGHT.pixels, SMALL);
    worker.dropSegment('gone');
    worker.host.send(frame);
    expectError(await worker.next(), 1);
    await rig.works(worker);
  });

  test('a slot that was rewritten before it was looked at is an error', async () => {
    const worker = await rig.startProcess();
    const segment = worker.segment('a');
    const late = segment.frame(4, BRIGHT.pixels, SMALL);
    const fresh = segment.frame(8, DARK.pixels, SMALL);
    worker.host.send(late);
    expectError(await worker.next(), 4);
    worker.host.send(fresh);
    expectAnswer(await worker.next(), 8, DARK);
  });

  test('a slot that is being written is an error', async () => {
    const worker = await rig.startProcess();
    const segment = worker.segment('a');
    const frame = segment.frame(1, BRIGHT.pixels, SMALL);
    segment.writer.begin(segment.slotOf(1));
    worker.host.send(frame);
    expectError(await worker.next(), 1);
    worker.host.send(segment.frame(2, BRIGHT.pixels, SMALL));
    expectAnswer(await worker.next(), 2, BRIGHT);
  });

  test.each(['GRAY8', 'NV12'] as const)('%s with lines longer than their pixels', async (format) => {
    const whole = picture(format, 32, 4, 0);
    const worker = await rig.startProcess({ input: whole });
    const frame = worker.segment('a').frame(1, whole.pixels, { format, width: 32, height: 4 });
    const half = picture(format, 16, 4, 0);
    // What is not of the picture is as bright as can be.
    const pixels = worker.segment('a').writer.view(1).subarray(0, (frame['ref'] as WorkerRef).byte_length);
    pixels.fill(255);
    for (let y = 0; y < 4; y += 1) pixels.set(half.pixels.subarray(y * 16, (y + 1) * 16), y * 32);
    worker.host.send({ ...frame, width: 16 });
    expectAnswer(await worker.next(), 1, half);
  });
}
