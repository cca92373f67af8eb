import type { Bbox, Detection } from '@vigia/contracts';
import { type BedChange, BedRule } from '../src/bed/bed-rule.ts';

export const ASPECT = 4 / 3;
/** In the middle of the picture, seen from its side. */
const BED = [
  [0.3, 0.5],
  [0.7, 0.5],
  [0.72, 0.62],
  [0.28, 0.62],
] as const;
export const OUTLINE = BED.map(([x, y]) => [x, y] as [number, number]);

export function person([left, top, right, bottom]: Bbox, confidence = 0.9): Detection {
  return { class_id: 0, class_name: 'person', confidence, bbox: [left, top, right, bottom] };
}

/** Feet in front of the bed. 0.6 high. */
export const standing = (x = 0.5): Detection => person([x - 0.07, 0.15, x + 0.07, 0.75]);
export const onEdge = (x = 0.5): Detection => person([x - 0.1, 0.3, x + 0.1, 0.76]);
export const sitting = (x = 0.5): Detection => person([x - 0.11, 0.3, x + 0.11, 0.58]);
export const lying = (): Detection => person([0.34, 0.48, 0.64, 0.6]);
/** Beside a door at the right, or on the way from there. */
export const elsewhere = (x = 0.93): Detection => person([x - 0.07, 0.2, x + 0.07, 0.85]);

/** What is seen from when on, milliseconds; undefined: no results. */
export type Scene = readonly (readonly [number, (atMs: number) => Detection[] | undefined])[];

export const EVERY_MS = 200;
/** Results of a scene; `rule` to go on with one. */
export function play(
  scene: Scene,
  untilMs: number,
  everyMs = EVERY_MS,
  rule = new BedRule(ASPECT, { bed: OUTLINE }),
): BedChange[] {
  const changes: BedChange[] = [];
  for (let atMs = 0; atMs < untilMs; atMs += everyMs) {
    const seen = scene.findLast(([from]) => from <= atMs)?.[1](atMs);
    const change = seen && rule.see(atMs, seen);
    if (change) changes.push(change);
  }
  return changes;
}

export const phases = (changes: readonly BedChange[]): string[] => changes.map(({ phase }) => phase);
export const walk =
  (from: number, to: number, startMs: number, endMs: number) =>
  (atMs: number): number =>
    from + (to - from) * Math.min(1, Math.max(0, (atMs - startMs) / (endMs - startMs)));

/** Comes from the door, sits, lies down, sits up, sits on the edge, gets up, leaves. */
const goIn = walk(0.9, 0.5, 0, 3_000);
const goOut = walk(0.5, 0.9, 33_000, 36_000);
export const NIGHT: Scene = [
  [0, (atMs) => [standing(goIn(atMs))]],
  [4_000, () => [onEdge()]],
  [8_000, () => [sitting()]],
  [11_000, () => []],
  [25_000, () => [sitting()]],
  [28_000, () => [onEdge()]],
  [32_000, (atMs) => [standing(goOut(atMs))]],
  [37_000, () => []],
];
