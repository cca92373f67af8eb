/** The numbers that decide. Durations hold at any rate of results; lengths are in heights of the standing person. */
export interface FallLimits {
  /** Upright: higher than wide by this shape (width by height), and detected at least so surely. */
  readonly uprightShape: number;
  readonly uprightScore: number;
  /** Upright: at least this share of the height that it had before. */
  readonly uprightHeight: number;
  /** The height that counts is of the sightings of this time; where the top was, of this time. Milliseconds. */
  readonly heightMs: number;
  readonly topMs: number;
  /** Down: the top of the body fell by `drop`, and it is wide (`wideShape`) or flat (`flatHeight`); */
  readonly drop: number;
  readonly wideShape: number;
  readonly flatHeight: number;
  /** or by `deepDrop` in any shape that is not upright; */
  readonly deepDrop: number;
  /** or by `lowDrop`, as from a chair, when it is very wide and very flat. */
  readonly lowDrop: number;
  readonly veryWideShape: number;
  readonly veryFlatHeight: number;
  /**
   * or by `tippedDrop` when it is as wide as only a body that lies (`tippedShape`) and lower (`tippedHeight`): from a high corner or
   * through a fisheye, where the top hardly drops.
   */
  readonly tippedDrop: number;
  readonly tippedShape: number;
  readonly tippedHeight: number;
  /** More than this is no fall, but another place. */
  readonly mostDrop: number;
  /** Not down any more: the top is so near to where it was. */
  readonly rise: number;
  /** From upright to down in at most this time: who lies down slowly does not fall. Milliseconds. */
  readonly fallMs: number;
  /** An alarm after being down for this long without having been seen to rise. Milliseconds. */
  readonly confirmMs: number;
  /** Sightings and results further apart do not belong together; the newest counts for so long. Milliseconds. */
  readonly holeMs: number;
  readonly freshMs: number;
  /** Who is cut off by the lower edge and not there any more was seen down for so long. Milliseconds. */
  readonly edgeMs: number;
  /** Smaller people are not judged: their boxes are too inexact. In heights of the picture. */
  readonly leastHeight: number;
}

/** Defaults. What they make of footage, also of sources that they were not chosen on: `npm run bench -- fall-limits`. */
export const FALL_DEFAULTS: FallLimits = {
  uprightShape: 0.75,
  uprightScore: 0.35,
  uprightHeight: 0.8,
  heightMs: 4_000,
  topMs: 1_500,
  drop: 0.5,
  wideShape: 1,
  flatHeight: 0.5,
  deepDrop: 0.7,
  lowDrop: 0.35,
  veryWideShape: 1.3,
  veryFlatHeight: 0.45,
  tippedDrop: 0.25,
  tippedShape: 1.5,
  tippedHeight: 0.8,
  mostDrop: 1.25,
  rise: 0.35,
  fallMs: 4_000,
  // Of 850, 650 and 450 ms the shorter ones raised no more false alarms on footage, and 850 was too late for 2 of 36 falls; but who
  // picks something up is low for half a second and more.
  confirmMs: 650,
  holeMs: 1_250,
  freshMs: 800,
  edgeMs: 600,
  leastHeight: 0.12,
};
