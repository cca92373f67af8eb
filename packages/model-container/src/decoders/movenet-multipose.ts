import type { Detection } from '@vigia/contracts';
import { scoreIsNoNumber } from './checked-output.ts';
import { BODY_NUMBERS, readBody } from './keypoints.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Settings of a {@link MoveNetMultiPoseDecoder}. */
export interface MoveNetMultiPoseOptions {
  readonly className: string;
  /** Least score of a reported body, 0..1. */
  readonly scoreThreshold: number;
}

/** Values per row: a body, then ymin, xmin, ymax, xmax, and the total score. */
const ROW = BODY_NUMBERS + 5;
/** Values of the whole output: always six bodies, also when fewer are visible. */
export const MULTIPOSE_NUMBERS: number = 6 * ROW;

/** Decodes the output of MoveNet MultiPose into one detection per body. */
export class MoveNetMultiPoseDecoder {
  readonly #options: MoveNetMultiPoseOptions;

  constructor(options: MoveNetMultiPoseOptions) {
    this.#options = options;
  }

  /**
   * @param rows [bodies, 56]: 17 times y, x and score, then ymin, xmin, ymax, xmax and score; 0..1 of the frame.
   * @returns Best first, boxes clamped to 0..1, without bodies that have no area or a NaN coordinate.
   * @throws VigiaError `inference_failed` for a NaN score: of any body, or of a point of a reported body.
   */
  decode(rows: Float32Array): Detection[] {
    return this.#bodies(rows, this.#options.scoreThreshold);
  }

  /** The bodies that {@link decode} leaves out because of their score, from `from` on, 0..1. Otherwise the same. */
  faint(rows: Float32Array, from: number): Detection[] {
    return this.#bodies(rows, from, this.#options.scoreThreshold);
  }

  #bodies(rows: Float32Array, from: number, below?: number): Detection[] {
    const found: Detection[] = [];
    for (let offset = 0; offset + ROW <= rows.length; offset += ROW) {
      const detection = this.#body(rows, offset, from, below);
      if (detection) found.push(detection);
    }
    return found.sort((a, b) => b.confidence - a.confidence);
  }

  #body(rows: Float32Array, offset: number, from: number, below?: number): Detection | undefined {
    const box = offset + BODY_NUMBERS;
    const score = rows[box + 4] ?? Number.NaN;
    if (Number.isNaN(score)) throw scoreIsNoNumber();
    if (score < from || (below !== undefined && score >= below)) return undefined;
    const edge = (i: number): number => roundUnit(clampUnit(rows[box + i] ?? Number.NaN));
    const [top, left, bottom, right] = [edge(0), edge(1), edge(2), edge(3)];
    // Both comparisons are false for NaN.
    if (!(bottom > top && right > left)) return undefined;
    const keypoints = readBody(rows, offset);
    if (!keypoints) return undefined;
    const confidence = roundUnit(clampUnit(score));
    return {
      class_id: 0,
      class_name: this.#options.className,
      confidence,
      bbox: [left, top, right, bottom],
      keypoints,
    };
  }
}
