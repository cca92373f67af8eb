import type { Bbox, Detection } from '@vigia/contracts';
import { bonesOf, headOf } from './overlay.ts';

/**
 * A body as lines, without its picture: who passes a screen must not recognise anybody. SVG path data; coordinates are
 * hundredths of the picture's height.
 */
export interface Figure {
  /** Of the body; where the model gives no keypoints, its box. */
  readonly lines: string;
  readonly isBox: boolean;
  readonly head: { readonly x: number; readonly y: number; readonly r: number } | null;
  /** What part of the picture is drawn. */
  readonly view: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** The height on which somebody lies. */
  readonly floor: number;
}

/** Upright, on the way, and down: oldest first. */
export type Figures = readonly Figure[];

/** What one answer saw. */
export interface Seen {
  readonly capturedMs: number;
  readonly detections: readonly Detection[];
}

/** A fall takes less; who was upright before that is somebody's other moment. */
const BEFORE_MS = 8000;
/** Between two answers nobody goes further: the middle of a box, in widths and heights of the picture. */
const STEP = 0.25;
/** Room on each side of a body, as a share of it. */
const MARGIN = 0.1;
/** With fewer lines than this a body cannot be recognised as one. */
const LEAST_BONES = 4;
/** Of a body, a head's radius. */
const HEAD = 0.07;
const UNIT = 100;

/**
 * How somebody came to lie where they are: three moments of the answers before, of the same person.
 *
 * @param answers Oldest first.
 * @param at Where, and when, the alarm saw them.
 * @param aspect Width of the picture by its height.
 * @returns empty when the answers do not show it.
 */
export function figuresOf(
  answers: readonly Seen[],
  at: { readonly bbox: Bbox; readonly capturedMs: number },
  aspect: number,
): Figures {
  const chain: { readonly one: Detection; readonly capturedMs: number }[] = [];
  let near = at.bbox;
  for (const { capturedMs, detections } of answers.toReversed()) {
    if (capturedMs > at.capturedMs || capturedMs < at.capturedMs - BEFORE_MS) continue;
    const people = detections.filter(({ class_name }) => class_name === 'person');
    const one = people.reduce<Detection | null>(
      (best, next) => (best === null || apart(next.bbox, near) < apart(best.bbox, near) ? next : best),
      null,
    );
    if (one === null || apart(one.bbox, near) > STEP) continue;
    near = one.bbox;
    chain.unshift({ one, capturedMs });
  }
  const last = chain.at(-1);
  const upright = chain.reduce<(typeof chain)[number] | null>(
    (best, next) => (best === null || uprightness(next.one) > uprightness(best.one) ? next : best),
    null,
  );
  if (last === undefined || upright === null || upright === last) return [];
  const middleMs = (upright.capturedMs + last.capturedMs) / 2;
  const between = chain.slice(chain.indexOf(upright) + 1, -1);
  const middle = between.reduce<(typeof chain)[number] | null>(
    (best, next) =>
      best === null || Math.abs(next.capturedMs - middleMs) < Math.abs(best.capturedMs - middleMs) ? next : best,
    null,
  );
  const moments = [upright, ...(middle === null ? [] : [middle]), last].map(({ one }) => one);
  return moments.map((one) => figureOf(one, moments, aspect));
}

/** All moments are drawn at one scale, and from one floor. */
function figureOf(one: Detection, moments: readonly Detection[], aspect: number): Figure {
  const [xUnit, yUnit] = [aspect * UNIT, UNIT];
  const scaled = (x: number, y: number): string => `${(x * xUnit).toFixed(1)} ${(y * yUnit).toFixed(1)}`;
  const width = Math.max(...moments.map(({ bbox: [x0, , x1] }) => x1 - x0)) * xUnit;
  const top = Math.min(...moments.map(({ bbox: [, y0] }) => y0)) * yUnit;
  const floor = Math.max(...moments.map(({ bbox: [, , , y1] }) => y1)) * yUnit;
  const [x0, y0, x1, y1] = one.bbox;
  const middle = ((x0 + x1) / 2) * xUnit;
  const bones = bonesOf(one, scaled);
  const isBox = bones.length < LEAST_BONES;
  const head = isBox ? null : headOf(one);
  const size = Math.max((x1 - x0) * xUnit, (y1 - y0) * yUnit);
  return {
    lines: isBox ? `M${scaled(x0, y0)}L${scaled(x1, y0)}L${scaled(x1, y1)}L${scaled(x0, y1)}Z` : bones.join(''),
    isBox,
    head: head === null ? null : { x: head.x * xUnit, y: head.y * yUnit, r: size * HEAD },
    view: {
      x: middle - width * (0.5 + MARGIN),
      y: top - (floor - top) * MARGIN,
      width: width * (1 + 2 * MARGIN),
      height: (floor - top) * (1 + 2 * MARGIN),
    },
    floor,
  };
}

/** Between the middles of two boxes. */
function apart(one: Bbox, other: Bbox): number {
  return Math.hypot((one[0] + one[2] - other[0] - other[2]) / 2, (one[1] + one[3] - other[1] - other[3]) / 2);
}

function uprightness({ bbox: [x0, y0, x1, y1] }: Detection): number {
  return (y1 - y0) / Math.max(x1 - x0, Number.EPSILON);
}
