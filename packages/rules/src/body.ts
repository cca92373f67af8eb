import type { Bbox } from '@vigia/contracts';

/** A box in heights of the picture: one unit is as long across as it is down. */
export interface Body {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly width: number;
  readonly height: number;
}

/** @param aspect Width of the picture by its height. */
export function bodyOf([left, top, right, bottom]: Bbox, aspect: number): Body {
  const width = Math.max(0, right - left) * aspect;
  return { left: left * aspect, top, right: right * aspect, bottom, width, height: Math.max(0, bottom - top) };
}

/** The inverse of {@link bodyOf}. */
export function bboxOfBody({ left, top, right, bottom }: Body, aspect: number): Bbox {
  return [left / aspect, top, right / aspect, bottom];
}

/** Width by height. */
export function shapeOf({ width, height }: Body): number {
  return height > 0 ? width / height : Number.POSITIVE_INFINITY;
}

/** The longer side: how long a body is that lies. */
export function lengthOf({ width, height }: Body): number {
  return Math.max(width, height);
}

/** The middle. */
export function middleOf({ left, top, width, height }: Body): { readonly x: number; readonly y: number } {
  return { x: left + width / 2, y: top + height / 2 };
}

/** Between the middles. */
export function distance(a: Body, b: Body): number {
  const [one, other] = [middleOf(a), middleOf(b)];
  return Math.hypot(one.x - other.x, one.y - other.y);
}

/** Area that both cover. */
function commonArea(a: Body, b: Body): number {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > 0 && down > 0 ? across * down : 0;
}

/** Area that both cover, by the area that either does: 0 to 1. */
export function overlap(a: Body, b: Body): number {
  const both = commonArea(a, b);
  return both === 0 ? 0 : both / (a.width * a.height + b.width * b.height - both);
}

/** Share of `inner` that lies in `outer`: 0 to 1. */
export function within(inner: Body, outer: Body): number {
  const area = inner.width * inner.height;
  return area > 0 ? commonArea(inner, outer) / area : 0;
}
