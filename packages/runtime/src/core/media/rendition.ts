import { packedBytes, segmentBytes } from '@vigia/contracts';
import type { RenditionSpec } from './geometry.ts';

/** The name of a rendition: consumers that want the same pictures share one. */
export function renditionKey({ width, height, fit, format }: RenditionSpec): string {
  const size = `${width}x${height}-${fit}`;
  return format === 'RGB24' ? size : `${size}-${format.toLowerCase()}`;
}

/** Bytes of one picture in this rendition. */
export function renditionBytes({ format, width, height }: RenditionSpec): number {
  return packedBytes(format, width, height);
}

/** Slots of a rendition: one per request in flight, one being written, one that a late reader still reads; at least 4. */
export function renditionSlots(consumers: number): number {
  return Math.max(4, consumers + 2);
}

/** Bytes of shared memory for a rendition that this many consumers share. */
export function renditionSegmentBytes(spec: RenditionSpec, consumers: number): number {
  return segmentBytes(renditionSlots(consumers), renditionBytes(spec));
}
