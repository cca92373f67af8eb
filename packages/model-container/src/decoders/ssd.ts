import { type Detection, FAINT_LIMIT } from '@vigia/contracts';
import { scoreIsNoNumber } from './checked-output.ts';
import { suppress } from './nms.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Settings of an {@link SsdDecoder}. */
export interface SsdOptions {
  /** Number of boxes that the model proposes. */
  readonly anchors: number;
  /** Name per class; an empty name is a gap in the numbering and is never reported. */
  readonly classes: readonly string[];
  /** Least confidence of a reported detection, 0..1. */
  readonly scoreThreshold: number;
  /** Overlap above which two boxes of one class are the same object, 0..1. */
  readonly iouThreshold: number;
  /** Most detections per frame. */
  readonly maxDetections: number;
}

/**
 * Decodes the outputs of an SSD model. Reuses its scratch memory, so that a frame allocates only its detections; not
 * for concurrent use.
 */
export class SsdDecoder {
  readonly #options: SsdOptions;
  readonly #boxes: Float32Array;
  readonly #candidates: Int32Array;
  /** The kept candidates: the reported ones, then the faint ones. */
  readonly #kept: Int32Array;
  /** The part of {@link #kept} for the reported ones. */
  readonly #reported: Int32Array;
  /** Number of detections of the latest frame. */
  #count = 0;

  constructor(options: SsdOptions) {
    this.#options = options;
    this.#boxes = new Float32Array(options.anchors * 4);
    this.#candidates = new Int32Array(options.anchors * options.classes.length);
    this.#kept = new Int32Array(options.maxDetections + FAINT_LIMIT);
    this.#reported = this.#kept.subarray(0, options.maxDetections);
  }

  /**
   * @param scores [anchors, classes] confidences, 0..1 (after the sigmoid), row-major.
   * @param boxes [anchors, 4] as `y1, x1, y2, x2`, 0..1 of the frame, possibly beyond it.
   * @returns Best first. Boxes are clamped to 0..1; boxes without area or with a NaN edge are dropped.
   * @throws VigiaError `inference_failed` for a NaN score in a reported class.
   */
  decode(scores: Float32Array, boxes: Float32Array): Detection[] {
    for (let i = 0; i < this.#boxes.length; i++) this.#boxes[i] = clampUnit(boxes[i] ?? Number.NaN);
    this.#count = this.#suppress(this.#collect(scores, this.#options.scoreThreshold), scores, this.#reported, 0);
    return Array.from({ length: this.#count }, (_, i) => this.#detection(this.#kept[i] ?? 0, scores));
  }

  /**
   * What the latest {@link decode} left out because of its score.
   *
   * @param scores Those of that `decode`.
   * @param from Least confidence, 0..1.
   * @returns Best first, at most `FAINT_LIMIT`. Boxes that overlap a stronger one of their class are dropped.
   */
  faint(scores: Float32Array, from: number): Detection[] {
    const before = this.#count;
    const room = this.#kept.subarray(0, before + FAINT_LIMIT);
    const end = this.#suppress(this.#collect(scores, from, this.#options.scoreThreshold), scores, room, before);
    return Array.from({ length: end - before }, (_, i) => this.#detection(this.#kept[before + i] ?? 0, scores));
  }

  #suppress(found: number, scores: Float32Array, kept: Int32Array, before: number): number {
    const order = this.#candidates.subarray(0, found).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    const classes = this.#options.classes.length;
    return suppress({ order, boxes: this.#boxes, classes }, this.#options.iouThreshold, kept, before);
  }

  /** @param below Scores from here on are left out. Absent: none. */
  #collect(scores: Float32Array, from: number, below?: number): number {
    const { anchors, classes } = this.#options;
    let found = 0;
    const count = anchors * classes.length;
    for (let c = 0; c < count; c++) {
      const score = scores[c] as number;
      // False for NaN, which is thus found without a second test of the many low scores.
      if (score < from || classes[c % classes.length] === '') continue;
      if (below !== undefined && score >= below) continue;
      if (Number.isNaN(score)) throw scoreIsNoNumber();
      if (this.#hasArea(Math.floor(c / classes.length))) this.#candidates[found++] = c;
    }
    return found;
  }

  #hasArea(box: number): boolean {
    const edge = (i: number): number => this.#boxes[box * 4 + i] ?? 0;
    return edge(2) > edge(0) && edge(3) > edge(1);
  }

  #detection(candidate: number, scores: Float32Array): Detection {
    const classId = candidate % this.#options.classes.length;
    const box = Math.floor(candidate / this.#options.classes.length) * 4;
    const edge = (i: number): number => roundUnit(this.#boxes[box + i] ?? 0);
    return {
      class_id: classId,
      class_name: this.#options.classes[classId] ?? '',
      confidence: roundUnit(clampUnit(scores[candidate] ?? 0)),
      bbox: [edge(1), edge(0), edge(3), edge(2)],
    };
  }
}
