import type { FrameShape } from '@vigia/frame-supplier';
import { greyShape } from './shm.ts';

/** 4 to 250 KiB. Neighbours differ, as do the last and the first. */
const CYCLE: readonly FrameShape[] = [
  greyShape(64, 64),
  greyShape(640, 400),
  greyShape(128, 96),
  greyShape(320, 240),
  greyShape(96, 96),
  greyShape(400, 300),
];

/** Four slots, whole pages each, and two pages before them. */
const SLOTS = 4;
const PAGE_BYTES = 4_096;

/** Bytes of the largest segment, for a server with one seat: 1 MiB. */
export const LARGEST_SEGMENT_BYTES: number = Math.max(
  ...CYCLE.map(({ byteLength }) => SLOTS * Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES + 2 * PAGE_BYTES),
);

/** Shape of frame number `seq`: differs from its neighbours'. */
export function shapeOfFrame(seq: number): FrameShape {
  return CYCLE[seq % CYCLE.length] ?? greyShape(64, 64);
}
