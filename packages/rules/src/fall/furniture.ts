import type { Detection } from '@vigia/contracts';
import { type Body, bodyOf, overlap, within } from '../body.ts';

/** What people lie on, as models that know the classes of COCO name it. */
const CLASSES: ReadonlySet<string> = new Set(['bed', 'couch']);
/** From this confidence on a detection counts. */
const LEAST_SCORE = 0.25;
/** A detection is of the piece that it overlaps so much. */
const SAME = 0.5;
/** Known: detected in this share of the time in which nobody hid it, within the last minute, and for so long. */
const KNOWN_SHARE = 0.5;
const WINDOW_MS = 60_000;
const LEAST_MS = 1_000;
/** Who covers this share of a piece may hide it. */
const HIDDEN = 0.1;
/** Pieces that are followed. */
const MOST = 8;
/**
 * Who lies on a piece: so much of the body is in its box, and the body ends above its lower edge, in heights of the standing
 * person. On footage, bodies in front of a bed end 0.2 to 0.35 below it, and one on a bed 0.26 above.
 */
const ON = { within: 0.6, above: 0.1 };

interface Piece {
  body: Body;
  /** Time in which it was to be seen, and in which it was: at most the window. Milliseconds. */
  visibleMs: number;
  seenMs: number;
  knownMs: number | undefined;
}

/**
 * Beds and sofas that the model sees, for cameras whose zones do not show them. It learns only what stood there before somebody
 * lies: models take a body on the floor for a couch.
 */
export class SeenFurniture {
  readonly #aspect: number;
  #pieces: Piece[] = [];

  /** @param aspect Width of the picture by its height. */
  constructor(aspect: number) {
    this.#aspect = aspect;
  }

  /** A result. @param stepMs Time since the result before it, at most what still belongs together. */
  see(atMs: number, stepMs: number, detections: readonly Detection[], people: readonly Body[]): void {
    const found = detections
      .filter(({ class_name, confidence }) => CLASSES.has(class_name) && confidence >= LEAST_SCORE)
      .map(({ bbox }) => bodyOf(bbox, this.#aspect));
    for (const piece of this.#pieces) {
      const own = found.findIndex((one) => overlap(one, piece.body) >= SAME);
      const [seen] = own < 0 ? [] : found.splice(own, 1);
      if (!seen && people.some((one) => within(piece.body, one) > HIDDEN)) continue;
      look(piece, stepMs, seen);
      const isKnown = piece.visibleMs >= LEAST_MS && piece.seenMs >= KNOWN_SHARE * piece.visibleMs;
      piece.knownMs = isKnown ? (piece.knownMs ?? atMs) : undefined;
    }
    this.#pieces = this.#pieces.filter(({ visibleMs, seenMs }) => visibleMs < LEAST_MS || seenMs > visibleMs / 10);
    for (const body of found.slice(0, MOST - this.#pieces.length))
      this.#pieces.push({ body, visibleMs: 0, seenMs: 0, knownMs: undefined });
  }

  /** Whether a body lies on a piece that was known at that time. @param height Of the standing person. */
  holds(body: Body, height: number, beforeMs: number): boolean {
    return this.#pieces.some(
      (piece) =>
        (piece.knownMs ?? Number.POSITIVE_INFINITY) <= beforeMs &&
        within(body, piece.body) >= ON.within &&
        piece.body.bottom - body.bottom >= ON.above * height,
    );
  }
}

/** The window is a running mean: what is older counts less and less. */
function look(piece: Piece, stepMs: number, seen: Body | undefined): void {
  const keep = Math.min(1, WINDOW_MS / (piece.visibleMs + stepMs));
  piece.visibleMs = (piece.visibleMs + stepMs) * keep;
  piece.seenMs = (piece.seenMs + (seen ? stepMs : 0)) * keep;
  if (!seen) return;
  const share = Math.min(1, stepMs / Math.max(stepMs, piece.seenMs));
  const mean = (a: number, b: number): number => a + (b - a) * share;
  const { left, top, right, bottom } = piece.body;
  const [x, y] = [mean(left, seen.left), mean(top, seen.top)];
  const [x2, y2] = [mean(right, seen.right), mean(bottom, seen.bottom)];
  piece.body = { left: x, top: y, right: x2, bottom: y2, width: x2 - x, height: y2 - y };
}
