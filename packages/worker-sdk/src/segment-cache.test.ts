import { systemClock } from '@vigia/base';
import type { WorkerRef } from '@vigia/contracts';
import { FrameSegmentWriter } from '@vigia/frame-supplier';
import { afterEach, expect, test } from 'vitest';
import { SegmentCache } from './segment-cache.ts';

const path = `/dev/shm/vigia_test_${process.pid}_cache`;
const shape = { width: 4, height: 2, format: 'GRAY8', planes: [{ offset: 0, stride: 4 }], byteLength: 8 } as const;
const closers: { close(): void }[] = [];
afterEach(() => {
  for (const closer of closers.splice(0)) closer.close();
});

function setUp(): { cache: SegmentCache; writer: FrameSegmentWriter } {
  const cache = new SegmentCache();
  const writer = FrameSegmentWriter.create({ path, slots: 2, slotBytes: 8, clock: systemClock });
  closers.push(cache, writer);
  return { cache, writer };
}

function write(writer: FrameSegmentWriter, slot: number, grey: number): WorkerRef {
  writer.begin(slot);
  writer.view(slot).fill(grey);
  const stamp = { frameId: 1, capturedMs: 1, capturedWallMs: 1, ptsUs: 0, shape };
  const generation = String(writer.commit(slot, stamp));
  const offset = writer.offsetOf(slot);
  return { path, epoch: String(writer.epoch), slot, generation, offset, byte_length: 8, strides: [4] };
}

const coded = (code: string): Error => expect.objectContaining({ code }) as Error;

test('pixels are those of the slot, without a copy, whole until the slot is written', () => {
  const { cache, writer } = setUp();
  const first = cache.pixelsOf(write(writer, 0, 7));
  const second = cache.pixelsOf(write(writer, 1, 9));
  expect([...first.pixels]).toEqual(Array.from({ length: 8 }, () => 7));
  expect([...second.pixels]).toEqual(Array.from({ length: 8 }, () => 9));
  // The same mapping: a new one would be at another address.
  expect(first.pixels.buffer).toBe(second.pixels.buffer);
  writer.begin(0);
  expect([first.whole(), second.whole()]).toEqual([false, true]);
});

test('a new epoch under the same path is mapped anew, and the old map is let go of', () => {
  const { cache, writer } = setUp();
  const old = cache.pixelsOf(write(writer, 0, 7));
  writer.close();
  const successor = FrameSegmentWriter.create({ path, slots: 2, slotBytes: 8, clock: systemClock });
  closers.push(successor);
  const fresh = cache.pixelsOf(write(successor, 0, 8));
  expect([old.pixels[0], old.whole()]).toEqual([0, false]);
  expect([fresh.pixels[0], fresh.whole()]).toEqual([8, true]);
});

test('what cannot be had has a code', () => {
  const { cache, writer } = setUp();
  const ref = write(writer, 0, 7);
  expect(() => cache.pixelsOf({ ...ref, path: `${path}_none` })).toThrow(coded('frame_not_found'));
  expect(() => cache.pixelsOf({ ...ref, path: '/dev/null' })).toThrow(coded('frame_invalid'));
  expect(() => cache.pixelsOf({ ...ref, epoch: '12345' })).toThrow(coded('frame_changed'));
  expect(() => cache.pixelsOf({ ...ref, generation: '4' })).toThrow(coded('frame_changed'));
  expect(() => cache.pixelsOf({ ...ref, slot: 2 })).toThrow(coded('frame_invalid'));
  expect(() => cache.pixelsOf({ ...ref, offset: writer.totalBytes - 7 })).toThrow(coded('frame_invalid'));
  expect(cache.pixelsOf(ref).whole()).toBe(true);
});

test('after close nothing is whole', () => {
  const { cache, writer } = setUp();
  const found = cache.pixelsOf(write(writer, 0, 7));
  cache.close();
  cache.close();
  expect([found.pixels[0], found.whole()]).toEqual([0, false]);
});
