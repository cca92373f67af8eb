import type { Clock } from '@vigia/base';
import type { Detection, SlaClass } from '@vigia/contracts';

/**
 * What a consumer's results may weigh in a second, by class. A unit is one detection, and costs the camera's process a few
 * microseconds: to map it back, to send it to the node.
 */
const PER_SECOND: Readonly<Record<SlaClass, number>> = {
  critical: 40_000,
  high: 20_000,
  normal: 10_000,
  'best-effort': 5_000,
};
/** One result may weigh as much as this part of a second. */
const PART = 1 / 4;
const SECOND_MS = 1_000;
/** Points, cells and runs of a mask that cost as much as one detection. */
const POINTS = 8;
const CELLS = 4_096;
const RUNS = 64;

/** Bounds the cost of a consumer's results, so that those of one do not hold up its neighbours on the same camera. */
export class ResultAllowance {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  constructor(sla: SlaClass, clock: Clock) {
    this.#clock = clock;
    this.#perSecond = PER_SECOND[sla];
    this.#left = this.#most;
    this.#atMs = clock.nowMs();
  }

  /** Takes what a result weighs. @returns why it is too much, for people; undefined when it is not. */
  take(detections: readonly Detection[]): string | undefined {
    const nowMs = this.#clock.nowMs();
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#atMs) / SECOND_MS) * this.#perSecond);
    this.#atMs = nowMs;
    const weight = weightOf(detections, this.#left);
    if (weight > this.#left) return this.#sentence(detections.length);
    this.#left -= weight;
    return undefined;
  }

  get #most(): number {
    return this.#perSecond * PART;
  }

  #sentence(count: number): string {
    const limit = `${this.#most} in a result and ${this.#perSecond} in a second`;
    return `${count} detections, with their points and masks, are more than this class allows: ${limit}`;
  }
}

/** @param enough Beyond this, nobody needs to know how much more it is. */
function weightOf(detections: readonly Detection[], enough: number): number {
  let weight = detections.length;
  for (const { keypoints, mask } of detections) {
    if (weight > enough) break;
    if (keypoints) weight += keypoints.length / POINTS;
    if (mask) weight += (mask.width * mask.height) / CELLS + mask.counts.length / RUNS;
  }
  return weight;
}
