import type { Bbox } from '@vigia/contracts';

/** A box by its centre and size, in heights of the picture: one unit is as long across as it is down. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** @param aspect Width of the picture by its height. */
export function boxOf([left, top, right, bottom]: Bbox, aspect: number): Box {
  return {
    x: ((left + right) / 2) * aspect,
    y: (top + bottom) / 2,
    width: Math.max(0, right - left) * aspect,
    height: Math.max(0, bottom - top),
  };
}

/** The inverse of {@link boxOf}, cut at the edges of the picture. */
export function bboxOf({ x, y, width, height }: Box, aspect: number): Bbox {
  const [halfWidth, halfHeight] = [width / 2, height / 2];
  return [
    clamped((x - halfWidth) / aspect),
    clamped(y - halfHeight),
    clamped((x + halfWidth) / aspect),
    clamped(y + halfHeight),
  ];
}

/** Area that both cover. */
export function overlapOf(a: Box, b: Box): number {
  const across = Math.min(a.x + a.width / 2, b.x + b.width / 2) - Math.max(a.x - a.width / 2, b.x - b.width / 2);
  const down = Math.min(a.y + a.height / 2, b.y + b.height / 2) - Math.max(a.y - a.height / 2, b.y - b.height / 2);
  return across > 0 && down > 0 ? across * down : 0;
}

/** Area that both cover, by the area that either does: 0 to 1. */
export function iouOf(a: Box, b: Box): number {
  const both = overlapOf(a, b);
  return both === 0 ? 0 : both / (areaOf(a) + areaOf(b) - both);
}

/** Share of `inner` that lies in `outer`: 0 to 1. */
export function shareInside(inner: Box, outer: Box): number {
  const area = areaOf(inner);
  return area > 0 ? overlapOf(inner, outer) / area : 0;
}

function areaOf({ width, height }: Box): number {
  return width * height;
}

function clamped(value: number): number {
  return Math.min(1, Math.max(0, value));
}
