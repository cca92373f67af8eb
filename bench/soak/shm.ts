import { readdirSync } from 'node:fs';
import { systemClock } from '@vigia/base';
import type { FrameShape, FrameStamp } from '@vigia/frame-supplier';

/** Names of this run in /dev/shm: other files are ignored. */
export function shmPrefix(name: string): string {
  return `vigia_soak-${name}-${process.pid}_frames_`;
}

/** Files in /dev/shm with a prefix. */
export function shmNames(prefix: string): string[] {
  return readdirSync('/dev/shm').filter((file) => file.startsWith(prefix));
}

/** Prefix of a reader's page. */
export function readerPagePrefix(pid: number): string {
  return `vigia_reader_${pid}_`;
}

/** Leftovers of a run in /dev/shm: under its prefix, and pages of the readers that it started. */
export function shmLeftovers(prefix: string, readers: readonly number[]): string[] {
  return [prefix, ...readers.map(readerPagePrefix)].flatMap(shmNames);
}

/** One plane of grey. */
export function greyShape(width: number, height: number): FrameShape {
  return { width, height, format: 'GRAY8', planes: [{ offset: 0, stride: width }], byteLength: width * height };
}

/** One plane of packed RGB. */
export function rgbShape(width: number, height: number): FrameShape {
  const stride = width * 3;
  return { width, height, format: 'RGB24', planes: [{ offset: 0, stride }], byteLength: stride * height };
}

/** Bytes of one 1080p picture in NV12. */
export const BYTES_1080P: number = (1920 * 1080 * 3) / 2;

const SHAPE_1080P: FrameShape = {
  width: 1920,
  height: 1080,
  format: 'NV12',
  planes: [
    { offset: 0, stride: 1920 },
    { offset: 1920 * 1080, stride: 1920 },
  ],
  byteLength: BYTES_1080P,
};

/** Metadata of a 1080p picture captured now. */
export function stamp1080p(frameId: number): FrameStamp {
  return { frameId, capturedMs: systemClock.nowMs(), capturedWallMs: 0, ptsUs: 0, shape: SHAPE_1080P };
}

/** Whether every 64th byte matches the frame's number. */
export function isWhole(pixels: Uint8Array, frameId: number): boolean {
  return isAllOf(pixels, frameId & 255);
}

/** Whether every 64th byte, and the last one, has this value. */
export function isAllOf(pixels: Uint8Array, value: number): boolean {
  for (let i = 0; i < pixels.length; i += 64) if (pixels[i] !== value) return false;
  return pixels[pixels.length - 1] === value;
}
