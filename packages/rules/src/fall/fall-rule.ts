import type { Detection, ZoneConfig } from '@vigia/contracts';
import { Tracker, TRACKER_DEFAULTS } from '@vigia/tracking';
import { Zones } from '../zones.ts';
import { Alarm, type FallChange, type FallState } from './alarm.ts';
import { bboxOfBody, type Body, bodyOf, distance, overlap, shapeOf, within } from '../body.ts';
import { SeenFurniture } from './furniture.ts';
import { FALL_DEFAULTS, type FallLimits } from './limits.ts';
import { canBeBody, type Look, looksAt } from './look.ts';
import { type Detected, type LieNews, LongLies } from './long-lies.ts';
import { type FallEvidence, Person, type PersonSighting } from './person.ts';
import { type PersonView, viewOf } from './view.ts';

/** Options of {@link FallRule}. */
export interface FallRuleOptions {
  readonly limits?: FallLimits;
  /** Number of the first person, from 1. */
  readonly firstPerson?: number;
  /** Looks can be answered. */
  readonly canLook?: boolean;
  readonly zones?: readonly ZoneConfig[];
  /** Who lies on a floor for so long is an alarm, if zones tell floors from beds. Undefined: nobody is. Milliseconds. */
  readonly longLieMs?: number | undefined;
}

/** The class that models of people give them. */
const PERSON = 'person';
/** Objects of this confidence count where somebody is known to be. */
export const FALL_LEAST_SCORE = 0.11;
/** Turned looks find people where there are none below this. */
export const LOOK_LEAST_SCORE = 0.2;
const TRACKER = { ...TRACKER_DEFAULTS, near: FALL_LEAST_SCORE, gapMs: 2_500 };
/** Somebody who is not upright is looked for so long; who is down, until the alarm. Milliseconds. */
const LOOK_MS = 2_400;
/** Looks per picture. */
const MOST_LOOKS = 4;
/** A box is somebody else when it overlaps theirs, or lies in that of somebody who is about as tall, or taller. */
const OTHER = { overlap: 0.4, within: 0.6, height: 0.8 };
/** Somebody is falling whose top is so much lower from one sighting to the next, in body heights. */
const FALLING = 0.2;
/** How much a step of a body height costs against confidence. */
const STEP_COST = 0.5;
/** Who fell has recovered when seen upright for this long, while looks found nobody who lies there. Milliseconds. */
const RECOVERED_MS = 1_000;
/** Who rises is seen so near to where the body lay, in body heights. */
const RISING = 0.8;

/** A person with what the rule itself remembers. */
interface Known {
  readonly person: Person;
  /** The tracker does not follow it any more. */
  isLost: boolean;
  /** Since when it is looked for. */
  lookingMs: number | undefined;
  alarm: Alarm | undefined;
  /** The best sighting of the newest picture that is not sure. */
  found: PersonSighting | undefined;
}

/**
 * Falls, from the results of a model that detects people: upright → falling → down → alarm, until it is seen upright again; and
 * people who lie on a floor for long, however they got there. Pure: times come with the pictures. For each result call `see`,
 * answer the looks that it wishes with `looked`, as far as they were possible, and then `settle`.
 */
export class FallRule {
  readonly #aspect: number;
  readonly #limits: FallLimits;
  readonly #tracker: Tracker;
  /** By person. */
  readonly #known = new Map<number, Known>();
  /** By track: who fell may be lost, and found again as another track. */
  readonly #followed = new Map<number, Known>();
  readonly #firstPerson: number;
  readonly #canLook: boolean;
  readonly #zones: Zones;
  readonly #furniture: SeenFurniture;
  readonly #lies: LongLies | undefined;
  /** People and places so far. */
  #newest = 0;
  #atMs = Number.NEGATIVE_INFINITY;
  /** Since the result before, at most what still belongs together. */
  #stepMs = 0;

  /** @param aspect Width of the picture by its height. */
  constructor(
    aspect: number,
    { limits = FALL_DEFAULTS, firstPerson = 1, canLook = true, zones = [], longLieMs }: FallRuleOptions = {},
  ) {
    this.#aspect = aspect;
    this.#limits = limits;
    this.#firstPerson = firstPerson;
    this.#canLook = canLook;
    this.#zones = new Zones(zones, aspect);
    this.#furniture = new SeenFurniture(aspect);
    if (longLieMs !== undefined && this.#zones.knowFloors) {
      const newId = (): number => this.#newId();
      this.#lies = new LongLies({ longLieMs, zones: this.#zones, canLook, holeMs: limits.holeMs, newId });
    }
    this.#tracker = new Tracker({ ...TRACKER, aspect });
  }

  /**
   * A result. One that is older than a result before it is ignored. A result that did not come is not a result with nothing
   * in it: do not call this for it.
   *
   * @param atMs Capture time of its picture, monotonic milliseconds.
   * @param detections Boxes in shares of the whole picture, with confidences from {@link FALL_LEAST_SCORE} on.
   * @returns Looks at this picture, those for who was seen upright last first.
   */
  see(atMs: number, detections: readonly Detection[]): readonly Look[] {
    if (!(atMs > this.#atMs)) return [];
    const sinceMs = atMs - this.#atMs;
    this.#atMs = atMs;
    this.#stepMs = Math.min(sinceMs, this.#limits.holeMs);
    if (sinceMs > this.#stepMs && Number.isFinite(sinceMs))
      for (const { person } of this.#known.values()) person.skip(sinceMs - this.#stepMs);
    const people = detections.filter(
      ({ class_name, bbox }) => class_name === PERSON && !this.#zones.isIgnored(bodyOf(bbox, this.#aspect)),
    );
    const bodies = people.map(({ bbox }) => bodyOf(bbox, this.#aspect));
    this.#furniture.see(atMs, Number.isFinite(sinceMs) ? this.#stepMs : 0, detections, bodies);
    const { tracks, ended } = this.#tracker.see(
      atMs,
      people.map((detection) => ({ detection })),
    );
    for (const { id, bbox, detection, seenMs, firstMs, firstBbox } of tracks) {
      const body = bodyOf(bbox, this.#aspect);
      const known =
        this.#followed.get(id) ??
        this.#foundAgain(id, body) ??
        this.#begin(id, this.#beforeFalling(firstMs, bodyOf(firstBbox, this.#aspect), body));
      if (seenMs === atMs) this.#seen(known, { atMs, body, score: detection.confidence, looked: false });
    }
    for (const { track } of ended) {
      const known = this.#followed.get(track.id);
      if (known) known.isLost = true;
      this.#followed.delete(track.id);
    }
    const looks = [...this.#known.values()]
      .sort((a, b) => (b.person.uprightMs ?? 0) - (a.person.uprightMs ?? 0))
      .flatMap((known) => this.#looksFor(known));
    // Who is falling is looked at first: who lies can wait.
    const lies = this.#lies?.see(atMs, this.#detected(people), looks.length === 0) ?? [];
    return [...looks.slice(0, MOST_LOOKS), ...lies];
  }

  /** What a look found. @param found Boxes in shares of the whole picture, with confidences from {@link LOOK_LEAST_SCORE} on. */
  looked(look: Look, found: readonly Detection[]): void {
    const known = this.#known.get(look.person);
    if (!known)
      return this.#lies?.looked(look, this.#detected(found.filter(({ class_name }) => class_name === PERSON)));
    const last = placeOf(known, this.#atMs);
    if (!last) return;
    const { alarm } = known;
    if (alarm) {
      alarm.looked(
        this.#atMs,
        found.some((one) => this.#liesThere(alarm, one)),
      );
      return;
    }
    const { height } = known.person;
    let best: PersonSighting | undefined;
    let bestRank = Number.NEGATIVE_INFINITY;
    for (const { class_name, confidence, bbox } of found) {
      if (class_name !== PERSON || confidence < LOOK_LEAST_SCORE) continue;
      const body = bodyOf(bbox, this.#aspect);
      if (!canBeBody(body, last, height) || this.#isSomebodyElse(known, body)) continue;
      const rank = confidence - (STEP_COST * distance(body, last)) / height;
      if (rank <= bestRank) continue;
      bestRank = rank;
      best = { atMs: this.#atMs, body, score: confidence, looked: true };
    }
    const isBetter = best && (known.found?.atMs !== this.#atMs || best.score > known.found.score);
    if (isBetter) known.found = best;
  }

  /** Everything of the picture is known. @returns what changed with it. */
  settle(): readonly FallChange[] {
    const atMs = this.#atMs;
    const changes: FallChange[] = [];
    for (const known of this.#known.values()) {
      const { person, found } = known;
      if (found?.atMs === atMs && person.last?.atMs !== atMs) person.see(found);
      if (known.alarm) changes.push(...this.#goOn(known, known.alarm));
      else if (person.isFallen(atMs)) changes.push(...this.#fallen(known));
      // Low for a moment, and then not seen again: no fall.
      else if (person.isDown && !person.wasDownLately(atMs) && !this.#isLookedFor(known)) person.forget();
      if (known.isLost && !known.alarm && !this.#isLookedFor(known)) this.#known.delete(person.id);
    }
    const lies = this.#lies?.settle(this.#stepMs, this.#alarmed) ?? [];
    return [...changes, ...lies.map((news) => this.#lieChange(news))];
  }

  /**
   * Results stopped: nobody knows. Who was seen down raises an alarm now, and alarms that are on say that they are blind.
   */
  blind(): readonly FallChange[] {
    const changes = [...this.#known.values()].flatMap((known) => {
      const { alarm, person } = known;
      if (alarm) {
        alarm.doubt();
        return [this.#change(known, alarm, 'update', 'blind')];
      }
      return person.wasDownLately(this.#atMs) && !this.#isAtHome(known) ? [this.#raise(known, 'blind')] : [];
    });
    const lies = this.#lies?.blind(this.#alarmed) ?? [];
    return [...changes, ...lies.map((news) => this.#lieChange(news))];
  }

  /** Who was raised before this picture is not asked for: numbers of people go on in another rule. */
  get nextPerson(): number {
    return this.#firstPerson + this.#newest;
  }

  /** Everybody of whom the rule knows, after the newest picture. For people who look at it; nothing depends on it. */
  people(): readonly PersonView[] {
    const known = [...this.#known.values()].flatMap((one) => viewOf(one.person, one.alarm, this.#atMs, this.#aspect));
    return [...known, ...(this.#lies?.people(this.#aspect) ?? [])];
  }

  /** One that is sure counts at once; another one may be followed by a better one, of a look. */
  #seen(known: Known, sighting: PersonSighting): void {
    if (sighting.score >= this.#limits.uprightScore) known.person.see(sighting);
    else known.found = sighting;
  }

  #newId(): number {
    this.#newest += 1;
    return this.#firstPerson + this.#newest - 1;
  }

  #detected(people: readonly Detection[]): Detected[] {
    return people.map(({ bbox, confidence }) => ({ body: bodyOf(bbox, this.#aspect), score: confidence }));
  }

  /** Bodies of people for whom an alarm is on. */
  get #alarmed(): readonly Body[] {
    return [...this.#known.values()].flatMap(({ alarm }) => (alarm ? [alarm.body] : []));
  }

  /** A tracker follows nobody before the second sighting: if somebody is falling by then, the first one shows them upright. */
  #beforeFalling(firstMs: number, first: Body, second: Body): PersonSighting | undefined {
    if (second.top - first.top < FALLING * first.height) return undefined;
    return { atMs: firstMs, body: first, score: TRACKER.start, looked: false };
  }

  #begin(track: number, before: PersonSighting | undefined): Known {
    const id = this.#newId();
    const known: Known = {
      person: new Person(id, this.#limits),
      isLost: false,
      lookingMs: undefined,
      alarm: undefined,
      found: undefined,
    };
    if (before) known.person.see(before);
    this.#known.set(id, known);
    this.#followed.set(track, known);
    return known;
  }

  /** Who fell and was lost, when a new track begins where the body lay: helpers come from elsewhere. */
  #foundAgain(track: number, body: Body): Known | undefined {
    for (const known of this.#known.values()) {
      const { alarm, isLost } = known;
      if (!alarm || !isLost || distance(body, alarm.body) > RISING * alarm.height) continue;
      known.isLost = false;
      alarm.doubt();
      this.#followed.set(track, known);
      return known;
    }
    return undefined;
  }

  #looksFor(known: Known): readonly Look[] {
    const { person, alarm } = known;
    const { last, height, uprightMs } = person;
    const place = placeOf(known, this.#atMs);
    if (!last || !place || height === 0) return [];
    if (alarm) {
      if (!alarm.wantsLook(this.#atMs, uprightMs === this.#atMs)) return [];
      alarm.looking(this.#atMs);
      return looksAt(person.id, alarm.body, alarm.height);
    }
    if (uprightMs === this.#atMs) {
      known.lookingMs = undefined;
      return [];
    }
    known.lookingMs ??= this.#atMs;
    if (!this.#isLookedFor(known)) return [];
    const isSure = last.atMs === this.#atMs && last.score >= this.#limits.uprightScore;
    return isSure ? [] : looksAt(person.id, place, height);
  }

  /** Whether a look at the place of a fall found a body that lies, other than those who stand there. */
  #liesThere({ body: place, height }: Alarm, { class_name, confidence, bbox }: Detection): boolean {
    if (class_name !== PERSON || confidence < LOOK_LEAST_SCORE) return false;
    const body = bodyOf(bbox, this.#aspect);
    if (!canBeBody(body, place, height) || distance(body, place) > height) return false;
    const isFlat = body.height < this.#limits.flatHeight * height || shapeOf(body) > this.#limits.wideShape;
    const standing = [...this.#known.values()]
      .map((other) => other.person)
      .filter((one) => one.uprightMs === this.#atMs);
    return isFlat && standing.every(({ last }) => !last || within(body, last.body) <= OTHER.within);
  }

  #isLookedFor({ person, lookingMs }: Known): boolean {
    return person.wasDownLately(this.#atMs) || (lookingMs !== undefined && this.#atMs - lookingMs <= LOOK_MS);
  }

  /** Down where nobody needs help. */
  #isAtHome({ person: { last, height, lowMs } }: Known): boolean {
    if (last === undefined) return false;
    return this.#zones.isFurniture(last.body) || this.#furniture.holds(last.body, height, lowMs ?? this.#atMs);
  }

  /** Who drops onto a bed does not fall. */
  #fallen(known: Known): readonly FallChange[] {
    if (!this.#isAtHome(known)) return [this.#raise(known, 'down')];
    known.person.forget();
    return [];
  }

  #isSomebodyElse(known: Known, body: Body): boolean {
    for (const other of this.#known.values()) {
      const last = other.person.last;
      if (other === known || last?.atMs !== this.#atMs) continue;
      if (overlap(last.body, body) > OTHER.overlap) return true;
      if (other.person.height >= OTHER.height * known.person.height && within(body, last.body) > OTHER.within)
        return true;
    }
    return false;
  }

  #raise(known: Known, state: 'down' | 'blind'): FallChange {
    const { person } = known;
    const evidence = person.evidence as FallEvidence;
    const { body } = person.last as PersonSighting;
    const { holeMs } = this.#limits;
    const atMs = this.#atMs;
    const alarm = new Alarm({
      reason: 'fall',
      atMs,
      fromMs: person.lowMs ?? atMs,
      evidence,
      body,
      height: person.height,
      canLook: this.#canLook,
      recoveredMs: RECOVERED_MS,
      holeMs,
    });
    known.alarm = alarm;
    return this.#change(known, alarm, 'start', state);
  }

  #goOn(known: Known, alarm: Alarm): readonly FallChange[] {
    const { person } = known;
    const { last } = person;
    const isSeen = last?.atMs === this.#atMs;
    const isUpright = person.uprightMs === this.#atMs;
    const down = isSeen && person.isDown && !isUpright ? last.body : undefined;
    const state = alarm.goOn(this.#atMs, this.#stepMs, { isSeen, isUpright, down });
    if (state === undefined) return [];
    return [state === 'down' ? this.#change(known, alarm, 'update', state) : this.#over(known, alarm, state)];
  }

  #over(known: Known, alarm: Alarm, state: 'recovered' | 'gone'): FallChange {
    known.alarm = undefined;
    known.person.forget();
    return this.#change(known, alarm, 'end', state);
  }

  #change({ person }: Known, alarm: Alarm, phase: FallChange['phase'], state: FallState): FallChange {
    return this.#changeOf(person.id, alarm, phase, state, (person.last as PersonSighting).body);
  }

  #lieChange({ id, alarm, phase, state }: LieNews): FallChange {
    return this.#changeOf(id, alarm, phase, state, alarm.body);
  }

  #changeOf(person: number, alarm: Alarm, phase: FallChange['phase'], state: FallState, body: Body): FallChange {
    const { fromMs, evidence, reason } = alarm;
    const atMs = this.#atMs;
    const bbox = bboxOfBody(body, this.#aspect);
    return { person, phase, state, reason, atMs, downMs: atMs - fromMs, evidence, bbox };
  }
}

/** Where somebody is now, as far as known. */
function placeOf({ person, found }: Known, atMs: number): Body | undefined {
  return found?.atMs === atMs ? found.body : person.last?.body;
}
