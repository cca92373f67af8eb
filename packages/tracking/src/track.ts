import type { Bbox, Detection } from '@vigia/contracts';
import { Axis, type AxisNoise } from './axis.ts';
import { type Box, iouOf } from './box.ts';
import { type Colours, learned, unlikeness } from './colours.ts';

/** Noise in heights of the object: what is near moves and trembles more in the picture. */
const PLACE = { measured: 0.07, speed: 0.7, change: 0.4 };
const SIZE = { measured: 0.07, speed: 0.15, change: 0.15 };
/** A box whose size differs by this factor is one standard deviation off. */
const SIZE_FACTOR = 1.35;
/** Of two boxes that are equally far, the one that covers the object is nearer by this at most. */
const OVERLAP_COUNTS = 4;
const COLOURS_COUNT = 2;
/** A scale is learned slowly: somebody who falls is as far from the camera as before. Share of a new one. */
const SCALE_GAIN = 0.2;
/** A dimension that motion alone would make nothing: share of the scale. */
const LEAST_SIZE = 0.1;

/** What was detected, and where. */
export interface Seen {
  readonly detection: Detection;
  readonly colours: Colours | undefined;
  readonly box: Box;
}

/** How many times less exact than usual a sighting is: 1 or more. */
export interface Doubt {
  readonly across: number;
  readonly down: number;
  /** Colours of another object may be in it. */
  readonly colours: boolean;
}

/** One object over time. Knows no other one. */
export class Track {
  readonly id: number;
  readonly firstMs: number;
  /** Where it was first seen. */
  readonly firstBbox: Bbox;
  /** When it was last seen. */
  seenMs: number;
  sightings = 1;
  /** The newest. */
  last: Seen;
  #colours: Colours | undefined;
  #scale: number;
  #nowMs: number;
  readonly #x: Axis;
  readonly #y: Axis;
  readonly #width: Axis;
  readonly #height: Axis;

  constructor(id: number, atMs: number, seen: Seen) {
    this.id = id;
    this.firstMs = atMs;
    this.firstBbox = seen.detection.bbox;
    this.seenMs = atMs;
    this.#nowMs = atMs;
    this.last = seen;
    this.#colours = seen.colours;
    const { x, y, width, height } = seen.box;
    this.#scale = sizeOf(seen.box);
    this.#x = new Axis(x, this.#noise(PLACE));
    this.#y = new Axis(y, this.#noise(PLACE));
    this.#width = new Axis(width, this.#noise(SIZE));
    this.#height = new Axis(height, this.#noise(SIZE));
  }

  /** Where it is now, as far as its motion shows. */
  get box(): Box {
    const least = LEAST_SIZE * this.#scale;
    const [width, height] = [Math.max(least, this.#width.at), Math.max(least, this.#height.at)];
    return { x: this.#x.at, y: this.#y.at, width, height };
  }

  /** Standard deviation of its place, in its heights. */
  get uncertainty(): number {
    return Math.sqrt((this.#x.variance + this.#y.variance) / 2) / this.#scale;
  }

  /** Heights per second: to the right, and down. */
  get speed(): { readonly x: number; readonly y: number } {
    return { x: this.#x.speed / this.#scale, y: this.#y.speed / this.#scale };
  }

  /** Time has passed until now. */
  predict(nowMs: number): void {
    const seconds = (nowMs - this.#nowMs) / 1000;
    if (seconds <= 0) return;
    this.#nowMs = nowMs;
    for (const axis of [this.#x, this.#y]) axis.predict(seconds, this.#noise(PLACE));
    for (const axis of [this.#width, this.#height]) axis.predict(seconds, this.#noise(SIZE));
  }

  /** It is seen now. */
  see(seen: Seen, doubt: Doubt): void {
    const { x, y, width, height } = seen.box;
    const [place, size] = [PLACE.measured * this.#scale, SIZE.measured * this.#scale];
    this.last = seen;
    this.seenMs = this.#nowMs;
    this.sightings += 1;
    if (!doubt.colours) this.#colours = learned(this.#colours, seen.colours);
    this.#x.update(x, place * doubt.across);
    this.#y.update(y, place * doubt.down);
    this.#width.update(width, size * doubt.across);
    this.#height.update(height, size * doubt.down);
    this.#scale += SCALE_GAIN * (sizeOf(seen.box) - this.#scale);
  }

  /**
   * How unlikely it is that a box is this object now: twice the negative logarithm of its likelihood, of place, size and
   * colours together, 0 for an object that is exactly as it is known to be; less where the boxes overlap. The less is known
   * of the place, the less likely is each one. As of the last `predict`.
   */
  distanceTo({ box, colours }: Seen): number {
    const measured = (PLACE.measured * this.#scale) ** 2;
    const expected = this.box;
    const [acrossVariance, downVariance] = [this.#x.variance + measured, this.#y.variance + measured];
    const across = (box.x - expected.x) ** 2 / acrossVariance;
    const down = (box.y - expected.y) ** 2 / downVariance;
    const unknown = Math.log(acrossVariance / measured) + Math.log(downVariance / measured);
    const grown = Math.log(sizeOf(box) / sizeOf(expected)) / Math.log(SIZE_FACTOR);
    const other = COLOURS_COUNT * unlikeness(this.#colours, colours);
    return across + down + unknown + grown ** 2 + other - OVERLAP_COUNTS * iouOf(box, expected);
  }

  #noise({ measured, speed, change }: AxisNoise): AxisNoise {
    const scale = this.#scale;
    return { measured: measured * scale, speed: speed * scale, change: change * scale };
  }
}

/** An upright person's height, and about the length of one that lies. */
function sizeOf({ width, height }: Box): number {
  return Math.max(width, height, 1e-3);
}
