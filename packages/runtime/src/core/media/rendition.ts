import { packedBytes, segmentBytes } from '@vigia/contracts';
import type { RenditionSpec } from './geometry.ts';

/** The name of a rendition. Consumers with the same specification share one. */
export function renditionKey({ width, height, fit, format }: RenditionSpec): string {
  const size = `${width}x${height}-${fit}`;
  return format === 'RGB24' ? size : `${size}-${format.toLowerCase()}`;
}

/** Bytes of one picture in this rendition. */
export function renditionBytes({ format, width, height }: RenditionSpec): number {
  return packedBytes(format, width, height);
}

/** Number of slots of a rendition: one per request in flight, one being written, one for a late reader; at least 4. */
export function renditionSlots(consumers: number): number {
  return Math.max(4, consumers + 2);
}

/** Bytes of shared memory for a rendition that `consumers` consumers share. */
export function renditionSegmentBytes(spec: RenditionSpec, consumers: number): number {
  return segmentBytes(renditionSlots(consumers), renditionBytes(spec));
}

/** Slots of second looks: one is read, and one may still be read after its deadline. */
export const LOOK_SLOTS = 2;

/** Whether squares can be made in this format, and turned. */
export function canBeTurned({ format }: RenditionSpec): boolean {
  return format === 'RGB24' || format === 'BGR24' || format === 'GRAY8';
}

/** Bytes of shared memory for the second looks of a consumer. */
export function lookSegmentBytes(spec: RenditionSpec): number {
  return segmentBytes(LOOK_SLOTS, renditionBytes(spec));
}
