import type { WorkerRef } from '@vigia/contracts';
import { test } from 'vitest';
import { BRIGHT, DARK, picture } from './pictures.ts';
import type { Rig } from './rig.ts';

/** Between two frames in one slot of a segment. */
const GAP = 3;

/** References into frame segments: never a result about other pixels than the frame's. */
export function sharedMemoryTests(rig: Rig): void {
  test('two segments in turn', async () => {
    const worker = await rig.shared();
    for (let i = 0; i < 10; i += 1) {
      await rig.answers(worker, worker.frame(BRIGHT, 'one'), BRIGHT);
      await rig.answers(worker, worker.frame(DARK, 'other'), DARK);
    }
  });

  test('another epoch of the same path is read, the one before is an error', async () => {
    const worker = await rig.shared();
    const old = worker.frame(BRIGHT, 'epochs');
    await rig.answers(worker, old, BRIGHT);
    worker.dropSegment('epochs');
    // The same slot and generation: only the epoch differs.
    worker.seq += GAP;
    await rig.answers(worker, worker.frame(DARK, 'epochs'), DARK);
    worker.seq += 1;
    await rig.refuses(worker, { ...old, seq: worker.seq });
    await rig.answers(worker, worker.frame(BRIGHT, 'epochs'), BRIGHT);
  });

  test('a segment that was gone before it was seen is an error', async () => {
    const worker = await rig.shared();
    const frame = worker.frame(BRIGHT, 'gone');
    worker.dropSegment('gone');
    await rig.refuses(worker, frame);
    await rig.works(worker);
  });

  test('a slot that was rewritten before it was looked at is an error', async () => {
    const worker = await rig.shared();
    const late = worker.frame(BRIGHT);
    worker.seq += GAP;
    const fresh = worker.frame(DARK);
    await rig.refuses(worker, late);
    await rig.answers(worker, fresh, DARK);
  });

  test('a slot that is being written is an error', async () => {
    const worker = await rig.shared();
    const frame = worker.frame(BRIGHT, 'writing');
    const segment = worker.segment('writing');
    segment.writer.begin(segment.slotOf(frame.seq));
    await rig.refuses(worker, frame);
    await rig.answers(worker, worker.frame(BRIGHT, 'writing'), BRIGHT);
  });

  test.each(['GRAY8', 'NV12'] as const)('%s with lines longer than their pixels', async (format) => {
    const worker = await rig.shared();
    const frame = worker.frame(picture(format, 32, 4, 0), 'lines');
    const half = picture(format, 16, 4, 0);
    const segment = worker.segment('lines');
    const pixels = segment.writer.view(segment.slotOf(frame.seq)).subarray(0, (frame['ref'] as WorkerRef).byte_length);
    // Everything outside the frame is as bright as possible.
    pixels.fill(255);
    for (let y = 0; y < 4; y += 1) pixels.set(half.pixels.subarray(y * 16, (y + 1) * 16), y * 32);
    await rig.answers(worker, { ...frame, width: 16 }, half);
  });
}
