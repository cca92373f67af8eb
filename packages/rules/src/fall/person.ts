import { type Body, shapeOf } from '../body.ts';
import type { FallLimits } from './limits.ts';

/** Why somebody is taken to be down. */
export interface FallEvidence {
  /** How far the top of the body fell, in heights of the standing person; undefined: the fall was not seen. */
  readonly drop: number | undefined;
  /** Width of the body's box by its height. */
  readonly shape: number;
  /** Height of the standing person, or length of one who was never seen upright, as a share of the picture's height. */
  readonly bodyHeight: number;
  /** In how many results the person was seen down, and how many of these sightings were second looks. */
  readonly sightings: number;
  readonly looks: number;
}

/** A person in one picture. */
export interface PersonSighting {
  readonly atMs: number;
  readonly body: Body;
  /** Confidence of the detection, 0 to 1. */
  readonly score: number;
  /** Found by a second look. */
  readonly looked: boolean;
}

/** A body that ends below this is cut off by the picture's lower edge. Share of its height. */
const EDGE = 0.98;

/** Sightings of one kind that belong together. */
class Run {
  fromMs: number | undefined;
  lastMs = 0;
  count = 0;

  add(atMs: number, holeMs: number): void {
    if (this.fromMs === undefined || atMs - this.lastMs > holeMs) {
      this.fromMs = atMs;
      this.count = 0;
    }
    this.lastMs = atMs;
    this.count += 1;
  }

  clear(): void {
    this.fromMs = undefined;
    this.count = 0;
  }
}

/** What is known of one person's posture: how tall, where the top was when last seen upright, and since when it is low. */
export class Person {
  readonly id: number;
  readonly #limits: FallLimits;
  #heights: { readonly atMs: number; readonly height: number }[] = [];
  #tops: { readonly atMs: number; readonly top: number }[] = [];
  #last: PersonSighting | undefined;
  #height = 0;
  #top = 0;
  #uprightMs: number | undefined;
  readonly #down = new Run();
  /** Low in any shape: a body that turns on its way is low before it is down. */
  readonly #low = new Run();
  #looks = 0;
  #evidence: FallEvidence | undefined;

  constructor(id: number, limits: FallLimits) {
    this.id = id;
    this.#limits = limits;
  }

  /** The newest sighting. */
  get last(): PersonSighting | undefined {
    return this.#last;
  }

  /** Of the standing person, in heights of the picture; 0 while it was never seen upright. */
  get height(): number {
    return this.#uprightMs === undefined ? 0 : this.#height;
  }

  /** When it was last seen upright; undefined: never. */
  get uprightMs(): number | undefined {
    return this.#uprightMs;
  }

  /** Seen down, and not up since. */
  get isDown(): boolean {
    return this.#down.fromMs !== undefined;
  }

  /** Since when it is low. */
  get lowMs(): number | undefined {
    const { fromMs } = this.#down;
    return fromMs === undefined ? undefined : Math.min(fromMs, this.#low.fromMs ?? fromMs);
  }

  /** Whether it was seen down so lately that this still says something. */
  wasDownLately(nowMs: number): boolean {
    return this.isDown && nowMs - this.#down.lastMs <= this.#limits.holeMs;
  }

  /** Of the newest sighting that shows it down. */
  get evidence(): FallEvidence | undefined {
    return this.#evidence;
  }

  /** Whether it is down for long enough, was seen so often enough, and not otherwise since. */
  isFallen(nowMs: number): boolean {
    const { confirmMs, freshMs } = this.#limits;
    const [down, low] = [this.#down, this.#low];
    if (this.lowMs === undefined || nowMs - this.lowMs < confirmMs || nowMs - down.lastMs > freshMs) return false;
    const last = this.#last;
    if (last?.atMs === nowMs && down.lastMs !== nowMs) return false;
    // Who leaves through the lower edge is wide and low for a moment, and then not there.
    const isLeaving = last !== undefined && last.atMs !== nowMs && last.body.bottom > EDGE;
    if (isLeaving && down.lastMs - (down.fromMs ?? nowMs) < this.#limits.edgeMs) return false;
    return down.count >= 2 || low.count >= 3;
  }

  /** No result came for so long: nobody knows what happened, and no limit runs meanwhile. */
  skip(ms: number): void {
    if (this.#uprightMs !== undefined) this.#uprightMs += ms;
  }

  /** What was thought of it does not hold any more: it is not down. */
  forget(): void {
    this.#rise();
  }

  /** A newer sighting: one per picture. */
  see(sighting: PersonSighting): void {
    const { atMs, body, score, looked } = sighting;
    const shape = shapeOf(body);
    this.#last = sighting;
    if (!looked && shape < this.#limits.uprightShape && score >= this.#limits.uprightScore)
      this.#seeUpright(atMs, body);
    if (this.#uprightMs === undefined) return;
    const drop = (body.top - this.#top) / this.#height;
    if (this.#isDownAs(body, shape, drop)) this.#seeDown(sighting, shape, drop);
    else if (drop < this.#limits.rise && score >= this.#limits.uprightScore) this.#rise();
    if (drop > this.#limits.drop && drop < this.#limits.mostDrop) this.#low.add(atMs, this.#limits.holeMs);
  }

  #seeUpright(atMs: number, { top, height }: Body): void {
    const { heightMs, topMs, uprightHeight, rise } = this.#limits;
    // Who sits on the floor is higher than wide, too: who fell is measured by what it was before.
    if (this.isDown) {
      if (height > uprightHeight * this.#height && top - this.#top < rise * this.#height) this.#uprightMs = atMs;
      return;
    }
    this.#heights = this.#heights.filter((one) => atMs - one.atMs < heightMs);
    this.#heights.push({ atMs, height });
    const sorted = this.#heights.map((one) => one.height).sort((a, b) => a - b);
    this.#height = sorted[Math.floor(sorted.length * 0.75)] ?? height;
    if (this.#uprightMs !== undefined && height <= uprightHeight * this.#height) return;
    this.#uprightMs = atMs;
    this.#tops = this.#tops.filter((one) => atMs - one.atMs < topMs);
    this.#tops.push({ atMs, top });
    this.#top = this.#tops.reduce((least, one) => Math.min(least, one.top), 1);
  }

  #isDownAs({ height: now }: Body, shape: number, drop: number): boolean {
    const limits = this.#limits;
    const height = this.#height;
    if (drop >= limits.mostDrop || height < limits.leastHeight) return false;
    if (drop > limits.drop && (shape > limits.wideShape || now < limits.flatHeight * height)) return true;
    const stands = shape < limits.uprightShape && now > limits.uprightHeight * height;
    if (drop > limits.deepDrop && !stands) return true;
    if (drop > limits.lowDrop && shape > limits.veryWideShape && now < limits.veryFlatHeight * height) return true;
    return drop > limits.tippedDrop && shape > limits.tippedShape && now < limits.tippedHeight * height;
  }

  #seeDown({ atMs, looked }: PersonSighting, shape: number, drop: number): void {
    const { holeMs, fallMs } = this.#limits;
    if (!this.isDown && atMs - (this.#uprightMs ?? 0) > fallMs) return;
    this.#down.add(atMs, holeMs);
    const { count: sightings } = this.#down;
    if (sightings === 1) this.#looks = 0;
    if (looked) this.#looks += 1;
    this.#evidence = { drop, shape, bodyHeight: this.#height, sightings, looks: this.#looks };
  }

  #rise(): void {
    this.#down.clear();
    this.#low.clear();
    this.#evidence = undefined;
  }
}
