import type { Zones } from '../zones.ts';
import { Alarm, type FallState } from './alarm.ts';
import { bboxOfBody, type Body, distance, lengthOf, middleOf, overlap, shapeOf, within } from '../body.ts';
import { canBeBody, type Look, looksAt } from './look.ts';
import type { FallEvidence } from './person.ts';
import type { PersonView } from './view.ts';

/** A person that was detected, anywhere and however unsurely. */
export interface Detected {
  readonly body: Body;
  readonly score: number;
}

/**
 * Lying: a box that is so much wider than high, and so long at least, in heights of the picture. Looks are exact: less is enough.
 * What is worth a look may be even less wide.
 */
const LYING = { shape: 1.2, lookedShape: 1, faintShape: 0.9, least: 0.12 };
/** Upright: so much higher than wide. */
const UPRIGHT_SHAPE = 0.75;
/** A detection this sure counts. One that is less sure is looked at; then the look must be this sure. */
const SURE = { whole: 0.35, look: 0.35 };
/** Looks at a place where somebody is known to lie find them with this confidence. */
const LOOK_SCORE = 0.2;
/** A sighting is of the same body when the boxes overlap so much, or the middles are so near, in body lengths. */
const SAME = { overlap: 0.3, near: 0.5 };
/** What lies in the box of somebody is a part of that person. */
const PART = 0.6;
/** Lengths that are remembered: their median is that of the body. */
const LENGTHS = 9;
/** Sightings further apart do not belong together. Milliseconds. */
const HOLE_MS = 6_000;
/** A place is looked at so often; one where a look found nobody, not again before. Milliseconds. */
const LOOK_MS = 1_000;
const REJECTED_MS = 5_000;
/** Places that are followed, and rejected ones that are remembered. */
const PLACES_LIMIT = 8;
/** An alarm rests on so many sightings per second of lying, but never needs more; and on this share of what was looked at. */
const LEAST = { perSecond: 0.7, most: 7, share: 0.5 };
/** The number of who may be there, in a look. Nobody has it. */
const NOBODY = 0;
/** Results that stop in the middle of a lie of at least this length are an alarm. Milliseconds. */
const BLIND_MS = 3_000;
/** Who lay for long is seen upright for this long at their place before it is over: it may be a helper. Milliseconds. */
const RECOVERED_MS = 3_000;

/** A place where somebody may lie. */
interface Place {
  readonly id: number;
  body: Body;
  readonly lengths: number[];
  readonly fromMs: number;
  lastMs: number;
  lookedMs: number;
  sightings: number;
  looks: number;
  misses: number;
  alarm: Alarm | undefined;
  /** The best answer to the looks at the newest picture; undefined: none was answered. */
  best: { atMs: number; found: Detected | undefined } | undefined;
}

/** What is to be said of a place. */
export interface LieNews {
  readonly id: number;
  readonly phase: 'start' | 'update' | 'end';
  readonly state: FallState;
  readonly alarm: Alarm;
}

/** Options of {@link LongLies}. */
export interface LongLiesOptions {
  readonly longLieMs: number;
  readonly zones: Zones;
  readonly canLook: boolean;
  readonly holeMs: number;
  /** A number that no person and no place had before. */
  readonly newId: () => number;
}

/**
 * People who lie on a floor, however they got there. Detectors rarely see who lies: so places are followed, not people, and a
 * place is looked at again every second.
 */
export class LongLies {
  readonly #o: LongLiesOptions;
  readonly #places = new Map<number, Place>();
  /** What may be a body: it is looked at once. */
  #candidate: Detected | undefined;
  #isTried = false;
  #searchedMs = Number.NEGATIVE_INFINITY;
  #rejected: { readonly body: Body; readonly atMs: number }[] = [];
  #atMs = 0;
  /** Who stands, in the newest picture. */
  #upright: readonly Body[] = [];

  constructor(options: LongLiesOptions) {
    this.#o = options;
  }

  /** A result. @param mayLook Nobody else looks at this picture. @returns Looks at it: at one place. */
  see(atMs: number, people: readonly Detected[], mayLook: boolean): readonly Look[] {
    this.#atMs = atMs;
    this.#upright = people
      .filter(({ body, score }) => score >= SURE.whole && shapeOf(body) < UPRIGHT_SHAPE)
      .map(({ body }) => body);
    const lying = people.filter(({ body }) => this.#canLie(body, LYING.faintShape)).sort((a, b) => b.score - a.score);
    for (const place of this.#places.values()) place.best = undefined;
    for (const one of lying) if (one.score >= SURE.whole && shapeOf(one.body) > LYING.shape) this.#sure(one);
    this.#candidate = undefined;
    this.#isTried = false;
    const wanting = [...this.#places.values()].filter((place) => this.#wantsLook(place));
    if (!mayLook) return [];
    const [place] = wanting.sort((a, b) => a.lookedMs - b.lookedMs);
    if (place) return this.#looksAt(place);
    const candidate = this.#nextCandidate(lying);
    this.#candidate = candidate;
    return candidate ? looksAt(NOBODY, candidate.body, lengthOf(candidate.body)) : [];
  }

  /** What a look found. */
  looked({ person: id }: Look, found: readonly Detected[]): void {
    const place = this.#places.get(id);
    if (place) this.#lookedAt(place, found);
    else if (this.#candidate && id === NOBODY) this.#tried(this.#candidate, found);
  }

  /**
   * Everything of the picture is known.
   *
   * @param stepMs Since the result before, at most what still belongs together.
   * @param alarmed Bodies of people for whom an alarm is on.
   */
  settle(stepMs: number, alarmed: readonly Body[]): readonly LieNews[] {
    const news: LieNews[] = [];
    // A look that was lost rejects nobody.
    if (this.#candidate && this.#isTried) this.#rejected.push({ body: this.#candidate.body, atMs: this.#atMs });
    for (const place of this.#places.values()) {
      this.#count(place);
      if (place.alarm) news.push(...this.#goOn(place, place.alarm, stepMs));
      else if (this.#atMs - place.lastMs > HOLE_MS) this.#places.delete(place.id);
      else if (this.#lies(place, this.#o.longLieMs) && !this.#isOneOf(place, alarmed))
        news.push(this.#raise(place, 'down'));
    }
    return news;
  }

  /** Results stopped: nobody knows. Who lies there already for a while raises an alarm now. */
  blind(alarmed: readonly Body[]): readonly LieNews[] {
    return [...this.#places.values()].flatMap((place): LieNews[] => {
      const { id, alarm } = place;
      if (alarm) {
        alarm.doubt();
        return [{ id, phase: 'update', state: 'blind', alarm }];
      }
      const matters = this.#lies(place, Math.min(BLIND_MS, this.#o.longLieMs)) && !this.#isOneOf(place, alarmed);
      return matters ? [this.#raise(place, 'blind')] : [];
    });
  }

  /** Where somebody lies, or is thought to. @param aspect Width of the picture by its height. */
  people(aspect: number): readonly PersonView[] {
    return [...this.#places.values()].map(({ id, body, lastMs, alarm, best }) => ({
      person: id,
      posture: alarm ? 'alarm' : 'lying',
      bbox: bboxOfBody(body, aspect),
      isSeen: lastMs === this.#atMs,
      looked: lastMs === this.#atMs && best?.found !== undefined,
    }));
  }

  /** Of the shape and size of somebody who lies, on a floor, and neither a part of somebody who stands nor around them. */
  #canLie(body: Body, shape: number): boolean {
    if (shapeOf(body) <= shape || body.width < LYING.least || !this.#o.zones.isFloor(body)) return false;
    return this.#upright.every((one) => within(body, one) <= PART && within(one, body) <= PART);
  }

  #sure(one: Detected): void {
    const place = [...this.#places.values()].find((known) => this.#isAt(known, one.body));
    if (!place) return this.#found(one, false);
    // The best one of a picture came first.
    if (place.lastMs === this.#atMs) return;
    this.#sees(place, one);
  }

  #found(one: Detected, looked: boolean): void {
    if (this.#places.size >= PLACES_LIMIT) return;
    const id = this.#o.newId();
    this.#places.set(id, {
      id,
      body: one.body,
      lengths: [lengthOf(one.body)],
      fromMs: this.#atMs,
      lastMs: this.#atMs,
      lookedMs: this.#atMs,
      sightings: 1,
      looks: looked ? 1 : 0,
      misses: 0,
      alarm: undefined,
      best: undefined,
    });
  }

  #sees(place: Place, { body, score }: Detected): void {
    place.lastMs = this.#atMs;
    place.sightings += 1;
    // What is less sure is less exact, and would lead away step by step.
    if (score < SURE.whole) return;
    place.body = body;
    place.lengths.push(lengthOf(body));
    if (place.lengths.length > LENGTHS) place.lengths.shift();
  }

  /** The surest one that is not known yet, once a second. */
  #nextCandidate(lying: readonly Detected[]): Detected | undefined {
    if (!this.#o.canLook || this.#atMs - this.#searchedMs < LOOK_MS) return undefined;
    this.#rejected = this.#rejected.filter(({ atMs }) => this.#atMs - atMs < REJECTED_MS).slice(-PLACES_LIMIT);
    const one = lying.find(
      ({ body }) =>
        [...this.#places.values()].every((place) => !this.#isAt(place, body)) &&
        this.#rejected.every((other) => overlap(other.body, body) < SAME.overlap),
    );
    if (!one) return undefined;
    this.#searchedMs = this.#atMs;
    return one;
  }

  #tried(candidate: Detected, found: readonly Detected[]): void {
    const length = lengthOf(candidate.body);
    const best = bestOf(
      found.filter(({ score, body }) => score >= SURE.look && this.#isBody(body, candidate.body, length)),
    );
    this.#isTried = true;
    if (!best) return;
    this.#candidate = undefined;
    this.#found(best, true);
  }

  #wantsLook(place: Place): boolean {
    const { alarm, lastMs, lookedMs } = place;
    if (alarm) return alarm.wantsLook(this.#atMs, this.#isUprightAt(place));
    return lastMs !== this.#atMs && this.#atMs - lookedMs >= LOOK_MS;
  }

  #looksAt(place: Place): readonly Look[] {
    const { id, body, alarm } = place;
    place.lookedMs = this.#atMs;
    alarm?.looking(this.#atMs);
    return alarm ? looksAt(id, alarm.body, alarm.height) : looksAt(id, body, lengthAt(place));
  }

  #lookedAt(place: Place, found: readonly Detected[]): void {
    const length = lengthAt(place);
    const best = bestOf(
      found.filter(({ score, body }) => score >= LOOK_SCORE && this.#isBody(body, place.body, length)),
    );
    place.alarm?.looked(this.#atMs, best !== undefined);
    const before = place.best?.found;
    const isBetter = best && (!before || best.score > before.score);
    place.best = { atMs: this.#atMs, found: isBetter ? best : before };
  }

  /** What the looks at this picture found together. */
  #count(place: Place): void {
    if (place.best?.atMs !== this.#atMs || place.lastMs === this.#atMs) return;
    if (!place.best.found) place.misses += 1;
    else {
      place.looks += 1;
      this.#sees(place, place.best.found);
    }
  }

  /** Whether a box that a look found is the body that lies, or may lie, there. */
  #isBody(body: Body, at: Body, length: number): boolean {
    return (
      this.#canLie(body, LYING.lookedShape) && canBeBody(body, at, length) && distance(body, at) <= SAME.near * length
    );
  }

  #isAt(place: Place, body: Body): boolean {
    // A detector may show a part of somebody as a person, too.
    if (within(body, place.body) > PART || within(place.body, body) > PART) return true;
    return overlap(place.body, body) >= SAME.overlap || distance(place.body, body) <= SAME.near * lengthAt(place);
  }

  #isOneOf(place: Place, alarmed: readonly Body[]): boolean {
    const others = [...this.#places.values()].flatMap((other) =>
      other !== place && other.alarm ? [other.alarm.body] : [],
    );
    return [...alarmed, ...others].some((body) => this.#isAt(place, body));
  }

  /** Whether somebody was seen lying there for so long, often enough, and lately. */
  #lies({ fromMs, lastMs, sightings, misses }: Place, ms: number): boolean {
    const least = Math.min(LEAST.most, (ms / 1000) * LEAST.perSecond);
    const isEnough = sightings >= least && sightings >= LEAST.share * (sightings + misses);
    return isEnough && lastMs - fromMs >= ms && this.#atMs - lastMs <= HOLE_MS;
  }

  #isUprightAt(place: Place): boolean {
    const middle = middleOf(place.body);
    const length = lengthAt(place);
    return this.#upright.some(
      (one) => Math.hypot(middleOf(one).x - middle.x, one.bottom - place.body.bottom) <= length,
    );
  }

  #raise(place: Place, state: 'down' | 'blind'): LieNews {
    const { id, body, fromMs, sightings, looks } = place;
    const height = lengthAt(place);
    const evidence: FallEvidence = { drop: undefined, shape: shapeOf(body), bodyHeight: height, sightings, looks };
    const { canLook, holeMs } = this.#o;
    const reason = 'long_lie';
    const options = { reason, atMs: this.#atMs, fromMs, evidence, body, height, canLook, holeMs } as const;
    const alarm = new Alarm({ ...options, recoveredMs: RECOVERED_MS });
    place.alarm = alarm;
    return { id, phase: 'start', state, alarm };
  }

  #goOn(place: Place, alarm: Alarm, stepMs: number): readonly LieNews[] {
    const { id, body, lastMs } = place;
    const isDown = lastMs === this.#atMs;
    const isUpright = this.#isUprightAt(place);
    const view = { isSeen: isDown || isUpright, isUpright: isUpright && !isDown, down: isDown ? body : undefined };
    const state = alarm.goOn(this.#atMs, stepMs, view);
    if (state === undefined) return [];
    if (state !== 'down') this.#places.delete(id);
    return [{ id, phase: state === 'down' ? 'update' : 'end', state, alarm }];
  }
}

function bestOf(found: readonly Detected[]): Detected | undefined {
  return found.reduce<Detected | undefined>((best, one) => (best && best.score >= one.score ? best : one), undefined);
}

/** The median. */
function lengthAt({ lengths }: Place): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
