import type { Bbox, Detection, Keypoint } from '@vigia/contracts';
import { readBody } from './keypoints.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Settings of a {@link MoveNetDecoder}. */
export interface MoveNetOptions {
  readonly className: string;
  /** Least mean score of the 17 points of a reported body, 0..1. */
  readonly scoreThreshold: number;
}

/** Least score of a point that counts for the box: others are guesses, often far outside the body. */
const SEEN = 0.2;
/** Margin on each side, as a fraction of the points' extent: eyes, wrists and ankles lie inside a body's outline. */
const MARGIN = 0.1;

/** Decodes the output of MoveNet Lightning or Thunder (one body per frame) into at most one detection. */
export class MoveNetDecoder {
  readonly #options: MoveNetOptions;

  constructor(options: MoveNetOptions) {
    this.#options = options;
  }

  /**
   * @param body [17, 3] as y, x and score, 0..1 of the frame.
   * @returns The body with all its points; nothing when its score is too low, a coordinate is NaN, or the visible
   *   points span no area.
   * @throws VigiaError `inference_failed` for a NaN score.
   */
  decode(body: Float32Array): Detection[] {
    return this.#body(body, this.#options.scoreThreshold);
  }

  /** The body when {@link decode} leaves it out because of its score and that is at least `from`, 0..1. */
  faint(body: Float32Array, from: number): Detection[] {
    return this.#body(body, from, this.#options.scoreThreshold);
  }

  #body(body: Float32Array, from: number, below?: number): Detection[] {
    const keypoints = readBody(body, 0);
    if (!keypoints) return [];
    const confidence = roundUnit(keypoints.reduce((sum, point) => sum + point.confidence, 0) / keypoints.length);
    if (confidence < from || (below !== undefined && confidence >= below)) return [];
    const bbox = boxAround(keypoints);
    return bbox ? [{ class_id: 0, class_name: this.#options.className, confidence, bbox, keypoints }] : [];
  }
}

function boxAround(keypoints: readonly Keypoint[]): Bbox | undefined {
  const seen = keypoints.filter((point) => point.confidence >= SEEN);
  const [left, right] = extent(seen.map((point) => point.x));
  const [top, bottom] = extent(seen.map((point) => point.y));
  return right > left && bottom > top ? [left, top, right, bottom] : undefined;
}

function extent(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * MARGIN;
  return [roundUnit(clampUnit(low - margin)), roundUnit(clampUnit(high + margin))];
}
