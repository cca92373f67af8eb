import { Tracker, TRACKER_DEFAULTS, type TrackView } from '@vigia/tracking';
import type { Detection } from '@vigia/contracts';
import { type Body, bodyOf, middleOf } from '../body.ts';
import { StandingHeights } from '../heights.ts';
import type { BedPlaces, Place } from './place.ts';

/** Objects of this confidence count where somebody is known to be. */
export const BED_LEAST_SCORE = 0.15;
/** Where somebody is, only sightings of this confidence show. */
const SURE = 0.35;
const TRACKER = { ...TRACKER_DEFAULTS, near: BED_LEAST_SCORE, gapMs: 2_500 };
/** So much of the time between two results counts as looked at: one picture alone shows nobody’s absence. Milliseconds. */
const STEP_MS = 600;
/** Results further apart than this leave time in which nobody looked; for so long after it, nobody knows who came from where. Milliseconds. */
const HOLE_MS = 1_250;
const AFTER_HOLE_MS = 1_000;
/** A helper who was lost beside the bed for so long, and who may have been seen unsurely. Milliseconds. */
const HELPER_LOST_MS = 300;
/** They are found again within this time, so near, and so much further with each second. Milliseconds, body heights. */
const HELPER_MS = 4_000;
const HELPER_REACH = { near: 0.5, perSecond: 0.5 };

/** Somebody, as last seen surely. */
export interface Known {
  readonly id: number;
  body: Body;
  place: Place;
  /** Capture time, monotonic milliseconds. */
  atMs: number;
  /** The same, of the time with results. */
  lookedMs: number;
  readonly firstMs: number;
  /** When they were last seen at all, however unsurely, of the time with results. */
  anyMs: number;
  /** Appeared at the picture's edge; where; just after nobody had looked. */
  readonly cameIn: boolean;
  readonly firstPlace: Place;
  readonly isAfterHole: boolean;
  /** Came from elsewhere while somebody else was in the bed. */
  isHelper: boolean;
  /** Not followed any more. */
  isGone: boolean;
}

/** Everybody in the picture, as seen from a bed. */
export class Company {
  readonly #aspect: number;
  readonly #places: BedPlaces;
  readonly #heights = new StandingHeights();
  #tracker: Tracker;
  readonly #people = new Map<number, Known>();
  #atMs = Number.NEGATIVE_INFINITY;
  /** Time with results: who is not seen while there are none is not absent. Milliseconds. */
  #lookedMs = 0;
  #holeMs = Number.NEGATIVE_INFINITY;

  /** @param aspect Width of the picture by its height. */
  constructor(aspect: number, places: BedPlaces) {
    this.#aspect = aspect;
    this.#places = places;
    this.#tracker = new Tracker({ ...TRACKER, aspect });
  }

  /** Everybody who is followed. */
  get all(): readonly Known[] {
    return [...this.#people.values()].filter(({ isGone }) => !isGone);
  }

  /** Those whom the newest picture shows. */
  get seen(): readonly Known[] {
    return this.all.filter((known) => this.isSeen(known));
  }

  get(id: number | undefined): Known | undefined {
    return id === undefined ? undefined : this.#people.get(id);
  }

  isSeen({ atMs }: Known): boolean {
    return atMs === this.#atMs;
  }

  /** A newer result. @returns who is new. */
  see(atMs: number, people: readonly Detection[]): readonly Known[] {
    if (atMs - this.#atMs > HOLE_MS) this.#holeMs = atMs;
    this.#lookedMs += Math.min(atMs - this.#atMs, STEP_MS);
    this.#atMs = atMs;
    const { tracks, ended } = this.#tracker.see(
      atMs,
      people.map((detection) => ({ detection })),
    );
    for (const { track } of ended) {
      const known = this.#people.get(track.id);
      if (known) known.isGone = true;
    }
    for (const known of this.#people.values())
      if (known.isGone && this.absentMs(known) > HELPER_MS) this.#people.delete(known.id);
    for (const { id, seenMs } of tracks) {
      const known = this.#people.get(id);
      if (known && seenMs === atMs) known.anyMs = this.#lookedMs;
    }
    return tracks
      .filter(({ seenMs, detection }) => seenMs === atMs && detection.confidence >= SURE)
      .flatMap((track) => this.#seen(track) ?? []);
  }

  /** For how long somebody was not seen although there were results. Milliseconds. */
  absentMs({ lookedMs }: Known): number {
    return this.#lookedMs - lookedMs;
  }

  /** A helper who was here until lately, and is not seen now. */
  lostHelper(body: Body): Known | undefined {
    const here = middleOf(body);
    return [...this.#people.values()].find((known) => {
      const there = middleOf(known.body);
      const absentMs = this.#lookedMs - known.anyMs;
      const reach = HELPER_REACH.near + (HELPER_REACH.perSecond * absentMs) / 1_000;
      const isClose = Math.hypot(here.x - there.x, here.y - there.y) < reach * body.height;
      return known.isHelper && absentMs >= HELPER_LOST_MS && absentMs <= HELPER_MS && isClose;
    });
  }

  /** Whether somebody appeared at the bed or beside it since somebody was last seen there, and is seen. */
  isFoundAfter({ atMs }: Known): boolean {
    return this.seen.some(({ firstMs, place }) => firstMs > atMs && place !== 'away');
  }

  forget({ id }: Known): void {
    this.#people.delete(id);
  }

  /** Somebody is in the bed: all others help, or visit. */
  markHelpers(occupant: number | undefined): void {
    for (const known of this.#people.values()) known.isHelper = known.id !== occupant;
  }

  /** Everybody is as likely to be the next one in the bed. */
  forgetHelpers(): void {
    for (const known of this.#people.values()) known.isHelper = false;
  }

  /** Nobody is known any more; how high they stand is. */
  clear(): void {
    this.#people.clear();
    this.#tracker = new Tracker({ ...TRACKER, aspect: this.#aspect });
  }

  /** @returns who this is, if new. */
  #seen({ id, bbox, detection, speed, firstBbox }: TrackView): Known | undefined {
    const body = bodyOf(bbox, this.#aspect);
    this.#heights.learn(body, detection.confidence, speed.x);
    const now = { body, place: this.#placeOf(body), atMs: this.#atMs, lookedMs: this.#lookedMs, anyMs: this.#lookedMs };
    const known = this.#people.get(id);
    if (known) {
      Object.assign(known, now);
      return undefined;
    }
    const first = bodyOf(firstBbox, this.#aspect);
    const origin = {
      cameIn: this.#places.comesIn(first),
      firstPlace: this.#placeOf(first),
      isAfterHole: this.#atMs - this.#holeMs <= AFTER_HOLE_MS,
    };
    const fresh: Known = { id, ...now, firstMs: this.#atMs, ...origin, isHelper: false, isGone: false };
    this.#people.set(id, fresh);
    return fresh;
  }

  #placeOf(body: Body): Place {
    return this.#places.of(body, this.#heights.at(body.bottom));
  }
}
