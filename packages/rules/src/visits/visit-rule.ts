import type { Bbox, Detection, ZoneConfig } from '@vigia/contracts';
import { Tracker, TRACKER_DEFAULTS } from '@vigia/tracking';
import { type Body, bodyOf } from '../body.ts';
import { standsIn, Zones } from '../zones.ts';
import { type Seen, type VisitView, ZoneVisit } from './zone-visit.ts';

/** Objects of this confidence count where somebody is known to be. */
export const VISIT_LEAST_SCORE = 0.15;
/** Where somebody is, only sightings of this confidence show. */
const SURE = 0.35;
/** The class that models of people give them. */
const PERSON = 'person';
const TRACKER = { ...TRACKER_DEFAULTS, near: VISIT_LEAST_SCORE, gapMs: 2_500 };
/** So much of the time between two results counts as looked at: one picture alone shows nobody’s absence. Milliseconds. */
const STEP_MS = 1_000;
/** Who is lost so near to the picture’s edge has left. Share of the picture. */
const EDGE = 0.01;

/** Options of {@link VisitRule}. */
export interface VisitRuleOptions {
  /** Outlines of the zones that are watched, by id. */
  readonly watched: ReadonlyMap<string, ZoneConfig['points']>;
  /** All zones of the camera. */
  readonly zones: readonly ZoneConfig[];
}

/**
 * Who is in which zone, from the results of a model that detects people. People are counted, not known: who was lost and is found
 * again in the same zone is the same visit, and who it is nobody says. Pure: times come with the pictures.
 */
export class VisitRule {
  readonly #aspect: number;
  readonly #o: VisitRuleOptions;
  readonly #zones: Zones;
  readonly #visits: ReadonlyMap<string, ZoneVisit>;
  readonly #tracker: Tracker;
  #atMs = Number.NEGATIVE_INFINITY;
  /** Time with results: who is not seen while there are none is not absent. Milliseconds. */
  #lookedMs = 0;

  /** @param aspect Width of the picture by its height. */
  constructor(aspect: number, options: VisitRuleOptions) {
    this.#aspect = aspect;
    this.#o = options;
    this.#zones = new Zones(options.zones, aspect);
    this.#visits = new Map([...options.watched.keys()].map((id) => [id, new ZoneVisit()]));
    this.#tracker = new Tracker({ ...TRACKER, aspect });
  }

  /**
   * A result. One that is older than a result before it changes nothing. A result that did not come is not a result with nothing
   * in it: do not call this for it.
   *
   * @param atMs Capture time of its picture, monotonic milliseconds.
   * @param detections Boxes in shares of the whole picture, with confidences from {@link VISIT_LEAST_SCORE} on.
   */
  see(atMs: number, detections: readonly Detection[]): void {
    if (!(atMs > this.#atMs)) return;
    this.#lookedMs += Math.min(atMs - this.#atMs, STEP_MS);
    this.#atMs = atMs;
    const people = detections.filter(
      ({ class_name, bbox }) => class_name === PERSON && !this.#zones.isIgnored(bodyOf(bbox, this.#aspect)),
    );
    const { tracks, ended } = this.#tracker.see(
      atMs,
      people.map((detection) => ({ detection })),
    );
    const seen = tracks
      .filter(({ seenMs }) => seenMs === atMs)
      .map(({ id, bbox, detection, firstMs, firstBbox }): Seen => {
        const first = { atMs: firstMs, body: bodyOf(firstBbox, this.#aspect) };
        return { id, bbox, body: bodyOf(bbox, this.#aspect), isSure: detection.confidence >= SURE, first };
      });
    const lost = ended.map(({ track, reason }) => ({
      id: track.id,
      left: reason === 'gone' && isAtEdge(track.detection.bbox),
    }));
    for (const [zone, visit] of this.#visits) {
      const points = this.#o.watched.get(zone) as ZoneConfig['points'];
      const isInside = (body: Body): boolean => standsIn(points, body, this.#aspect);
      visit.see({ atMs, lookedMs: this.#lookedMs }, seen, lost, isInside);
    }
  }

  /** Results stopped: nobody knows who is where. */
  blind(): void {
    for (const visit of this.#visits.values()) visit.blind();
  }

  /** By zone, after the newest result. */
  *views(): Iterable<readonly [string, VisitView]> {
    for (const [zone, visit] of this.#visits) yield [zone, visit.view];
  }
}

/** The picture’s lower edge cuts off everybody who is near: that they are lost there shows nothing. */
function isAtEdge([left, , right]: Bbox): boolean {
  return left < EDGE || right > 1 - EDGE;
}
