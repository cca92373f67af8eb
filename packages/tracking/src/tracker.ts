import type { Bbox, Detection } from '@vigia/contracts';
import { assign } from './assignment.ts';
import { bboxOf, type Box, boxOf, iouOf, shareInside } from './box.ts';
import type { Colours } from './colours.ts';
import { type Doubt, type Seen, Track } from './track.ts';

/** What a tracker does with detections. Durations hold at any rate of results. */
export interface TrackerOptions {
  /** Width of the picture by its height. */
  readonly aspect: number;
  /** From this confidence on a detection can begin a track. */
  readonly start: number;
  /** From this confidence on a detection can be any object's. */
  readonly sure: number;
  /** From this confidence on a detection can be of an object that is known to be there. */
  readonly near: number;
  /** An object that is not seen for this long is gone. Milliseconds. */
  readonly gapMs: number;
}

/** Defaults for detectors whose scores are like those of SSD and YOLO. */
export const TRACKER_DEFAULTS: Omit<TrackerOptions, 'aspect'> = { start: 0.4, sure: 0.35, near: 0.15, gapMs: 2_000 };

/** A detection of a result. */
export interface Sighting {
  readonly detection: Detection;
  /** Where they are known, people who cross are not mixed up. */
  readonly colours?: Colours | undefined;
}

/** An object as of one result. */
export interface TrackView {
  /** Unique within its tracker; rises. */
  readonly id: number;
  readonly className: string;
  /** Where it is; if it was not seen in this result, where its motion leads. */
  readonly bbox: Bbox;
  /** Of the newest sighting. */
  readonly detection: Detection;
  /** Capture time of the first and of the newest sighting, monotonic milliseconds. */
  readonly firstMs: number;
  readonly seenMs: number;
  /** Where it was first seen. */
  readonly firstBbox: Bbox;
  /** Standard deviation of its place, in its own heights. */
  readonly uncertainty: number;
  /** In its own heights per second: to the right, and down. */
  readonly speed: { readonly x: number; readonly y: number };
}

/** Why a track ended. `blind`: no result came in most of the time in which it was not seen, so nobody knows. */
export type TrackEnd = 'gone' | 'blind';

/** What changed with a result. */
export interface TrackerUpdate {
  readonly tracks: readonly TrackView[];
  readonly ended: readonly { readonly track: TrackView; readonly reason: TrackEnd }[];
}

/** The most unlikely pair that is still made; see `Track.distanceTo`. */
const GATE = 30;
const NEAR_GATE = 6;
/** A long gap makes a pair less likely: what this adds for each second. */
const GAP_COSTS = 2;
/** A new object must be seen twice; until then it may be absent for this long. Milliseconds. */
const PROOF_MS = 1_000;
/** A detection that overlaps a tracked object so much, or lies in it, is that object again. */
const SAME_IOU = 0.3;
const SAME_SHARE = 0.85;
/** A box that holds so many other ones, each with this share, is a group. */
const GROUP = 2;
const GROUP_SHARE = 0.9;
/** An object that is not seen, and to which a detection is nearly as near as to its own: it may be in front or behind. */
const CONTESTED = 10;
/** How much less exact the place of a contested detection is, and that of one that the picture's edge cuts. */
const DOUBT = 3;
const EDGE = 0.01;
/** Most objects, and detections of a result. Beyond them, those of the lowest confidence do not count. */
const LIMIT = 128;

/**
 * Follows objects from result to result: which detections are the same object. Results may come at any rate, and late. The
 * ideas are those of SORT (arXiv 1602.00763), ByteTrack (2110.06864: low scores count where an object is known) and OC-SORT
 * (2203.14360: distrust of long predictions).
 */
export class Tracker {
  readonly #o: TrackerOptions;
  #tracks: Track[] = [];
  #ids = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(options: TrackerOptions) {
    this.#o = options;
  }

  /**
   * A result: what was detected in a frame. One that is older than a result before it changes nothing. A result that did not
   * come is not a result with nothing in it: do not call this for it.
   *
   * @param atMs Capture time of its frame, monotonic milliseconds.
   */
  see(atMs: number, sightings: readonly Sighting[]): TrackerUpdate {
    if (!(atMs > this.#atMs)) return { tracks: this.#views(), ended: [] };
    const beforeMs = this.#atMs;
    this.#atMs = atMs;
    for (const track of this.#tracks) track.predict(atMs);
    this.#match(this.#boxes(sightings));
    return { ended: this.#end(beforeMs), tracks: this.#views() };
  }

  #boxes(sightings: readonly Sighting[]): Seen[] {
    const { aspect, near } = this.#o;
    return sightings
      .filter(({ detection }) => detection.confidence >= near)
      .sort((a, b) => b.detection.confidence - a.detection.confidence)
      .slice(0, LIMIT)
      .map(({ detection, colours }) => ({ detection, colours, box: boxOf(detection.bbox, aspect) }))
      .filter(({ box }) => box.width > 0 && box.height > 0);
  }

  #match(seen: readonly Seen[]): void {
    const { sure, start } = this.#o;
    const isStrong = ({ detection }: Seen): boolean => detection.confidence >= sure;
    const [strong, weak] = [seen.filter(isStrong), seen.filter((one) => !isStrong(one))];
    const proved = this.#tracks.filter(({ sightings }) => sightings > 1);
    const unproved = this.#tracks.filter(({ sightings }) => sightings === 1);
    const first = this.#pair(proved, strong, GATE);
    const second = this.#pair(first.tracks, weak, NEAR_GATE);
    const third = this.#pair(unproved, first.seen, GATE);
    this.#pair(third.tracks, second.seen, NEAR_GATE);
    for (const one of third.seen) if (one.detection.confidence >= start && !isGroup(one, strong)) this.#begin(one);
  }

  /** Pairs tracks with detections. @returns those of both that are left. */
  #pair(tracks: readonly Track[], seen: readonly Seen[], gate: number): { tracks: Track[]; seen: Seen[] } {
    const [rows, columns] = [tracks.length, seen.length];
    if (rows === 0 || columns === 0) return { tracks: [...tracks], seen: [...seen] };
    const cost = new Float64Array(rows * columns);
    for (const [row, track] of tracks.entries())
      for (const [column, one] of seen.entries()) cost[row * columns + column] = this.#costOf(track, one, gate);
    const found = assign(cost, rows, columns, gate);
    const taken = new Set<number>();
    for (const [row, track] of tracks.entries()) {
      const column = found[row] as number;
      if (column < 0) continue;
      taken.add(column);
      track.see(seen[column] as Seen, doubtOf(seen[column] as Seen, isContested(cost, columns, found, row)));
    }
    return { tracks: tracks.filter((_, row) => found[row] === -1), seen: seen.filter((_, i) => !taken.has(i)) };
  }

  #costOf(track: Track, seen: Seen, gate: number): number {
    if (seen.detection.class_id !== track.last.detection.class_id) return gate;
    return track.distanceTo(seen) + (GAP_COSTS * (this.#atMs - track.seenMs)) / 1000;
  }

  #begin(seen: Seen): void {
    if (this.#tracks.length >= LIMIT || this.#isKnown(seen.box)) return;
    this.#ids += 1;
    this.#tracks.push(new Track(this.#ids, this.#atMs, seen));
  }

  /** Whether a box is an object that was seen in this result already. */
  #isKnown(box: Box): boolean {
    return this.#tracks.some(({ seenMs, last }) => {
      if (seenMs !== this.#atMs) return false;
      return iouOf(box, last.box) >= SAME_IOU || shareInside(box, last.box) >= SAME_SHARE;
    });
  }

  #end(beforeMs: number): { track: TrackView; reason: TrackEnd }[] {
    const { gapMs } = this.#o;
    const isOver = ({ seenMs, sightings }: Track): boolean =>
      this.#atMs - seenMs > (sightings === 1 ? Math.min(PROOF_MS, gapMs) : gapMs);
    const ended = this.#tracks.filter(isOver);
    this.#tracks = this.#tracks.filter((track) => !isOver(track));
    return ended
      .filter(({ sightings }) => sightings > 1)
      .map((track) => ({ track: this.#view(track), reason: beforeMs - track.seenMs < gapMs / 2 ? 'blind' : 'gone' }));
  }

  #views(): TrackView[] {
    return this.#tracks.filter(({ sightings }) => sightings > 1).map((track) => this.#view(track));
  }

  #view(track: Track): TrackView {
    const { id, last, firstMs, firstBbox, seenMs, uncertainty, speed } = track;
    const { detection } = last;
    const bbox = seenMs === this.#atMs ? detection.bbox : bboxOf(track.box, this.#o.aspect);
    return { id, className: detection.class_name, bbox, detection, firstMs, firstBbox, seenMs, uncertainty, speed };
  }
}

/** Whether an object that got no detection wants this one too: detectors give one box to two people who overlap. */
function isContested(cost: Float64Array, columns: number, found: Int32Array, row: number): boolean {
  const column = found[row] as number;
  const own = cost[row * columns + column] as number;
  return found.some((other, i) => other < 0 && i !== row && (cost[i * columns + column] as number) - own < CONTESTED);
}

/** What the picture's edge cuts off shows where the object ends, but not where its middle is. */
function doubtOf({ detection }: Seen, contested: boolean): Doubt {
  const [left, top, right, bottom] = detection.bbox;
  const more = contested ? DOUBT : 1;
  const across = more * (left < EDGE || right > 1 - EDGE ? DOUBT : 1);
  const down = more * (top < EDGE || bottom > 1 - EDGE ? DOUBT : 1);
  return { across, down, colours: across > 1 };
}

/** Detectors put a box round several people, too. */
function isGroup(one: Seen, others: readonly Seen[]): boolean {
  const held = others.filter(({ box }) => box.height < one.box.height && shareInside(box, one.box) > GROUP_SHARE);
  return held.length >= GROUP;
}
