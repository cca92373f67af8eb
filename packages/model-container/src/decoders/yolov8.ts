import { type Detection, FAINT_LIMIT } from '@vigia/contracts';
import { scoreIsNoNumber } from './checked-output.ts';
import { suppress } from './nms.ts';
import { clampUnit, roundUnit } from './unit.ts';

/** Settings of a {@link YoloV8Decoder}. */
export interface YoloV8Options {
  /** Of the model's input, pixels: the unit of its boxes. */
  readonly inputWidth: number;
  /** See {@link inputWidth}. */
  readonly inputHeight: number;
  /** Number of boxes that the model proposes. */
  readonly anchors: number;
  /** Name per class; an empty name is a gap in the numbering and is never reported. */
  readonly classes: readonly string[];
  /** Least confidence of a reported detection, above 0..1. */
  readonly scoreThreshold: number;
  /** Overlap above which two boxes of one class are the same object, 0..1. */
  readonly iouThreshold: number;
  /** Most detections per frame. */
  readonly maxDetections: number;
}

/**
 * Decodes the output of a YOLOv8 (or v9, v11) detection model: each box counts for its best class. Reuses its scratch
 * memory, so that a frame allocates only its detections; not for concurrent use.
 */
export class YoloV8Decoder {
  readonly #options: YoloV8Options;
  /** Best score per box, and its class. */
  readonly #scores: Float32Array;
  readonly #classIds: Uint16Array;
  /** y1, x1, y2, x2 per box; filled in for candidates only. */
  readonly #boxes: Float32Array;
  readonly #candidates: Int32Array;
  /** The kept candidates: the reported ones, then the faint ones. */
  readonly #kept: Int32Array;
  /** The part of {@link #kept} for the reported ones. */
  readonly #reported: Int32Array;
  /** Number of detections of the latest frame. */
  #count = 0;

  constructor(options: YoloV8Options) {
    this.#options = options;
    this.#scores = new Float32Array(options.anchors);
    this.#classIds = new Uint16Array(options.anchors);
    this.#boxes = new Float32Array(options.anchors * 4);
    this.#candidates = new Int32Array(options.anchors);
    this.#kept = new Int32Array(options.maxDetections + FAINT_LIMIT);
    this.#reported = this.#kept.subarray(0, options.maxDetections);
  }

  /**
   * @param output [4 + classes, anchors]: rows of centre x, centre y, width, height in pixels of the input, then of the
   *   confidence in each class, 0..1.
   * @returns Best first. Boxes are clamped to 0..1; boxes without area or with a NaN edge are dropped.
   * @throws VigiaError `inference_failed` for a NaN score in a reported class.
   */
  decode(output: Float32Array): Detection[] {
    this.#chooseClasses(output);
    this.#count = this.#suppress(this.#collect(output, this.#options.scoreThreshold), this.#reported, 0);
    return Array.from({ length: this.#count }, (_, i) => this.#detection(this.#kept[i] ?? 0));
  }

  /**
   * What the latest {@link decode} left out because of its score.
   *
   * @param output That of that `decode`.
   * @param from Least confidence, 0..1.
   * @returns Best first, at most `FAINT_LIMIT`. Boxes that overlap a stronger one of their class are dropped.
   */
  faint(output: Float32Array, from: number): Detection[] {
    const before = this.#count;
    const room = this.#kept.subarray(0, before + FAINT_LIMIT);
    const end = this.#suppress(this.#collect(output, from, this.#options.scoreThreshold), room, before);
    return Array.from({ length: end - before }, (_, i) => this.#detection(this.#kept[before + i] ?? 0));
  }

  #suppress(found: number, kept: Int32Array, before: number): number {
    const classes = this.#options.classes.length;
    const score = (candidate: number): number => this.#scores[Math.floor(candidate / classes)] ?? 0;
    const order = this.#candidates.subarray(0, found).sort((a, b) => score(b) - score(a));
    return suppress({ order, boxes: this.#boxes, classes }, this.#options.iouThreshold, kept, before);
  }

  // Row by row, in memory order: box by box would touch another cache line for every class.
  #chooseClasses(output: Float32Array): void {
    const { anchors, classes } = this.#options;
    this.#scores.fill(0);
    for (let classId = 0; classId < classes.length; classId++) {
      if (classes[classId] === '') continue;
      const row = (4 + classId) * anchors;
      for (let anchor = 0; anchor < anchors; anchor++) {
        const score = output[row + anchor] ?? Number.NaN;
        // False for NaN, which is thus found without a second test of the many low scores.
        if (score <= (this.#scores[anchor] ?? 0)) continue;
        if (Number.isNaN(score)) throw scoreIsNoNumber();
        this.#scores[anchor] = score;
        this.#classIds[anchor] = classId;
      }
    }
  }

  /** @param below Scores from here on are left out. Absent: none. */
  #collect(output: Float32Array, from: number, below?: number): number {
    const { anchors, classes } = this.#options;
    let found = 0;
    for (let anchor = 0; anchor < anchors; anchor++) {
      const score = this.#scores[anchor] ?? 0;
      if (score < from || (below !== undefined && score >= below) || !this.#placeBox(output, anchor)) continue;
      this.#candidates[found++] = anchor * classes.length + (this.#classIds[anchor] ?? 0);
    }
    return found;
  }

  /** Whether the box has an area inside the picture. */
  #placeBox(output: Float32Array, anchor: number): boolean {
    const { anchors, inputWidth, inputHeight } = this.#options;
    const row = (i: number): number => output[i * anchors + anchor] ?? Number.NaN;
    const [x, y, halfWidth, halfHeight] = [row(0), row(1), row(2) / 2, row(3) / 2];
    const top = clampUnit((y - halfHeight) / inputHeight);
    const left = clampUnit((x - halfWidth) / inputWidth);
    const bottom = clampUnit((y + halfHeight) / inputHeight);
    const right = clampUnit((x + halfWidth) / inputWidth);
    const at = anchor * 4;
    this.#boxes[at] = top;
    this.#boxes[at + 1] = left;
    this.#boxes[at + 2] = bottom;
    this.#boxes[at + 3] = right;
    return bottom > top && right > left;
  }

  #detection(candidate: number): Detection {
    const { classes } = this.#options;
    const anchor = Math.floor(candidate / classes.length);
    const classId = candidate % classes.length;
    const edge = (i: number): number => roundUnit(this.#boxes[anchor * 4 + i] ?? 0);
    return {
      class_id: classId,
      class_name: classes[classId] ?? '',
      confidence: roundUnit(clampUnit(this.#scores[anchor] ?? 0)),
      bbox: [edge(1), edge(0), edge(3), edge(2)],
    };
  }
}
