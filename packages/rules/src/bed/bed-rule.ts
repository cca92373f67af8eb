import type { Bbox, Detection, ZoneConfig } from '@vigia/contracts';
import { bboxOfBody, bodyOf } from '../body.ts';
import { Zones } from '../zones.ts';
import { Company, type Known } from './company.ts';
import { BedPlaces, isAtBed, type Place } from './place.ts';

/**
 * What is known of a bed. `unknown`: nobody was seen to get in or out since results began. `in`: somebody lies in it, or was seen to
 * get in and not to leave. `sitting`: sits up in it. `edge`: sits on its edge. `out`: was in it, and left.
 */
export type BedPhase = 'unknown' | 'in' | 'sitting' | 'edge' | 'out';

/** A bed has another phase. */
export interface BedChange {
  readonly before: BedPhase;
  readonly phase: BedPhase;
  /** When the new phase was first seen. Monotonic milliseconds. */
  readonly sinceMs: number;
  /** Of the picture that decided. Monotonic milliseconds. */
  readonly atMs: number;
  /** Where who is in the bed, or left it, was last seen. */
  readonly bbox: Bbox;
}

/** Somebody, as seen from a bed. */
export interface BesideView {
  readonly person: number;
  readonly place: Place;
  readonly bbox: Bbox;
  /** In the newest picture. */
  readonly isSeen: boolean;
  /** Came from elsewhere while somebody else was in the bed. */
  readonly isHelper: boolean;
}

/** Options of {@link BedRule}. */
export interface BedRuleOptions {
  /** The bed. */
  readonly bed: ZoneConfig['points'];
  /** All zones of the camera: who is in one to ignore is not judged. */
  readonly zones?: readonly ZoneConfig[];
}

const PERSON = 'person';
/** Another phase counts when it is seen for this long. Milliseconds. */
const CONFIRM_MS = 300;
/** Lying and sitting up look alike for longer. Milliseconds. */
const TURNED_MS = 500;
/** Who was on the bed, or on its edge, and is not seen for this long lies in it: detectors lose who lies down. Milliseconds. */
const VANISHED_MS = 700;
/** Who stood beside the bed and is not seen for so long has not simply been missed. Milliseconds. */
const LOST_MS = 1_500;
/** Who sits on the edge and is higher by this factor stands up; how fast the height of who sits is learned. */
const GROWS = 1.2;
const LEARNED = 0.2;

/** What may become the phase. */
interface Candidate {
  readonly phase: BedPhase;
  readonly sinceMs: number;
}

/**
 * In, sitting up, edge, out: one bed, from the results of a model that detects people. Pure: times come with the pictures.
 *
 * Detectors rarely see who lies in a bed, and a look at the bed finds the bed itself (turned, an empty one looks like somebody who
 * stands). So `in` rests on somebody who was seen to get in and not to leave. Who gets up is seen: a person who appears on the bed,
 * or beside it while nobody else was lost there.
 */
export class BedRule {
  readonly #aspect: number;
  readonly #zones: Zones;
  readonly #places: BedPlaces;
  readonly #company: Company;
  #phase: BedPhase = 'unknown';
  #sinceMs: number | undefined;
  /** The track of who is in the bed, or gets in. */
  #occupant: number | undefined;
  /** Where they were last seen. */
  #last: Known | undefined;
  #candidate: Candidate | undefined;
  /** Who stood in front of the bed, and what they may be in now that they are not seen. */
  #beside: Known | undefined;
  #mayBeIn = false;
  /** Who that was; and whether it was known before that nobody is in it. */
  #lost: number | undefined;
  #wasOut = false;
  #wasIn = false;
  /** How high who sits on the edge is. */
  #seatHeight: number | undefined;
  #atMs = Number.NEGATIVE_INFINITY;

  /** @param aspect Width of the picture by its height. */
  constructor(aspect: number, { bed, zones = [] }: BedRuleOptions) {
    this.#aspect = aspect;
    this.#zones = new Zones(zones, aspect);
    this.#places = new BedPlaces(bed, aspect);
    this.#company = new Company(aspect, this.#places);
  }

  get phase(): BedPhase {
    return this.#phase;
  }

  /** When the phase was first seen; undefined: `unknown` from the beginning. Monotonic milliseconds. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** Somebody was in the bed before this phase, as far as is known, or may have been: sitting down is not getting up. */
  get wasIn(): boolean {
    return this.#wasIn;
  }

  /**
   * A result. One that is older than a result before it is ignored. A result that did not come is not one with nothing in it: do not
   * call this for it.
   *
   * @param atMs Capture time of its picture, monotonic milliseconds.
   * @param detections Boxes in shares of the whole picture, with confidences from `BED_LEAST_SCORE` on.
   */
  see(atMs: number, detections: readonly Detection[]): BedChange | undefined {
    if (!(atMs > this.#atMs)) return undefined;
    this.#atMs = atMs;
    const people = detections.filter(
      ({ class_name, bbox }) => class_name === PERSON && !this.#zones.isIgnored(bodyOf(bbox, this.#aspect)),
    );
    const fresh = this.#company.see(atMs, people);
    // Everybody else of the picture is known now.
    const again = this.#seenAgain();
    if (again) return again;
    if (this.#isOccupied) for (const known of fresh) this.#judge(known);
    return this.#isOccupied ? this.#watchOccupant() : this.#watchForOccupant();
  }

  /** Everybody, after the newest picture. For people who look at it; nothing depends on it. */
  people(): readonly BesideView[] {
    return this.#company.all.map((known) => {
      const { id, place, body, isHelper } = known;
      const bbox = bboxOfBody(body, this.#aspect);
      return { person: id, place, bbox, isSeen: this.#company.isSeen(known), isHelper };
    });
  }

  /** Results stopped: nobody knows any more. Who was in the bed may still be. */
  blind(): void {
    const mayBeIn = this.#isOccupied;
    this.#phase = 'unknown';
    this.#sinceMs = undefined;
    this.#occupant = undefined;
    this.#last = undefined;
    this.#candidate = undefined;
    this.#beside = undefined;
    this.#mayBeIn = mayBeIn;
    this.#lost = undefined;
    this.#wasIn = false;
    this.#company.clear();
  }

  /** Who stood before the bed, was hidden for a moment, and is followed still: not in it. */
  #seenAgain(): BedChange | undefined {
    const known = this.#company.get(this.#lost);
    if (!known || !this.#company.isSeen(known)) return undefined;
    this.#lost = undefined;
    this.#mayBeIn = false;
    return this.#wasOut ? this.#change('out', known) : undefined;
  }

  get #isOccupied(): boolean {
    if (this.#phase === 'unknown') return this.#mayBeIn;
    return this.#phase !== 'out';
  }

  /** Somebody appeared while somebody is in the bed: the same one, who gets up, or a helper. */
  #judge(fresh: Known): void {
    const occupant = this.#company.get(this.#occupant);
    const helper = fresh.place === 'near' ? this.#company.lostHelper(fresh.body) : undefined;
    // Who is first seen surely may have walked: where they appeared counts. After a hole, that is not known.
    const appeared = fresh.place === 'away' && fresh.firstPlace === 'away' && !fresh.isAfterHole;
    const isElsewhere = appeared || fresh.cameIn;
    const isTaken = occupant !== undefined && this.#company.isSeen(occupant);
    fresh.isHelper = isTaken || isElsewhere || helper !== undefined;
    if (!fresh.isHelper) this.#occupant = fresh.id;
    if (helper) this.#company.forget(helper);
  }

  #watchOccupant(): BedChange | undefined {
    const known = this.#company.get(this.#occupant);
    if (known?.atMs !== this.#atMs) return this.#vanished();
    this.#last = known;
    return this.#follow(this.#isSitting(known) ? 'edge' : phaseAt(known.place));
  }

  /** Who sits on the edge gets up when they grow: surer than how high somebody is who may be tall or small. */
  #isSitting({ body, place }: Known): boolean {
    if (this.#phase !== 'edge' || (place !== 'edge' && place !== 'near') || !this.#places.isSeat(body)) return false;
    const height = (this.#seatHeight ??= body.height);
    const sits = body.height < GROWS * height;
    if (sits) this.#seatHeight = height + LEARNED * (body.height - height);
    return sits;
  }

  /** Nobody is in the bed, as far as is known. */
  #watchForOccupant(): BedChange | undefined {
    const followed = this.#company.get(this.#occupant);
    const here = this.#company.seen.filter(({ place }) => isAtBed(place));
    const own = here.find((one) => one === followed) ?? here.find(({ place }) => place !== 'edge') ?? here[0];
    if (own) {
      this.#occupant = own.id;
      this.#last = own;
      return this.#follow(phaseAt(own.place));
    }
    const isFound = this.#candidate && this.#last && this.#company.isFoundAfter(this.#last);
    if (isFound || (followed && this.#company.isSeen(followed))) {
      // Was at the bed for a moment, and goes on.
      this.#occupant = undefined;
      this.#candidate = undefined;
      this.#last = undefined;
    }
    return this.#candidate ? this.#vanished() : this.#lostBeside();
  }

  /** Who stood in front of the bed and is not seen any more may lie in it, or on the floor: nobody knows. */
  #lostBeside(): BedChange | undefined {
    const inFront = this.#company.seen.find(({ place, body }) => place === 'near' && this.#places.isSeat(body));
    if (inFront) {
      // As seen now: they go on.
      this.#beside = { ...inFront };
      return undefined;
    }
    const beside = this.#beside;
    if (!beside) return undefined;
    const same = this.#company.get(beside.id);
    const isStillSeen = (same && this.#company.isSeen(same)) || this.#company.isFoundAfter(beside);
    if (!isStillSeen && this.#company.absentMs(beside) < LOST_MS) return undefined;
    this.#beside = undefined;
    if (isStillSeen) return undefined;
    this.#wasOut = this.#phase === 'out';
    const change = this.#wasOut ? this.#change('unknown', beside) : undefined;
    this.#lost = beside.id;
    this.#last = undefined;
    this.#mayBeIn = true;
    return change;
  }

  /** Who was on the bed or its edge, and is not seen, lies in it. Who had got up is out, however shortly that was seen. */
  #vanished(): BedChange | undefined {
    const last = this.#last;
    if (!last) return undefined;
    const absentMs = this.#company.absentMs(last);
    // Who sat straighter than others is still on the edge.
    const sat = this.#phase === 'edge' && !this.#candidate;
    if (!isAtBed(last.place) && !sat) {
      const leaves = this.#candidate?.phase === 'out' && absentMs >= LOST_MS;
      return leaves ? this.#change('out', last, this.#candidate?.sinceMs) : undefined;
    }
    return this.#phase === 'in' || absentMs < VANISHED_MS ? undefined : this.#change('in', last);
  }

  #follow(phase: BedPhase): BedChange | undefined {
    if (phase === this.#phase) {
      this.#candidate = undefined;
      return undefined;
    }
    if (this.#candidate?.phase !== phase) this.#candidate = { phase, sinceMs: this.#atMs };
    const { sinceMs } = this.#candidate;
    const isTurn = isOnBed(phase) && isOnBed(this.#phase);
    if (this.#atMs - sinceMs < (isTurn ? TURNED_MS : CONFIRM_MS)) return undefined;
    return this.#change(phase, this.#last as Known, sinceMs);
  }

  /** @param last Who decides. */
  #change(phase: BedPhase, last: Known, sinceMs = last.atMs): BedChange {
    const change: BedChange = {
      before: this.#phase,
      phase,
      sinceMs,
      atMs: this.#atMs,
      bbox: bboxOfBody(last.body, this.#aspect),
    };
    this.#wasIn = this.#wasInBefore(last);
    this.#phase = phase;
    this.#sinceMs = sinceMs;
    this.#candidate = undefined;
    this.#seatHeight = undefined;
    this.#beside = undefined;
    this.#mayBeIn = false;
    this.#lost = undefined;
    if (isAtBedPhase(phase) && !isAtBedPhase(change.before)) this.#company.markHelpers(this.#occupant);
    if (phase === 'out') {
      this.#occupant = undefined;
      this.#company.forgetHelpers();
    }
    return change;
  }

  #wasInBefore({ firstPlace }: Known): boolean {
    switch (this.#phase) {
      case 'in':
      case 'sitting':
        return true;
      case 'unknown':
        return this.#mayBeIn || isAtBed(firstPlace);
      case 'out':
        return false;
      default:
        return this.#wasIn;
    }
  }
}

function isAtBedPhase(phase: BedPhase): boolean {
  return isOnBed(phase) || phase === 'edge';
}

function isOnBed(phase: BedPhase): boolean {
  return phase === 'in' || phase === 'sitting';
}

function phaseAt(place: Place): BedPhase {
  if (place === 'lying') return 'in';
  return place === 'sitting' || place === 'edge' ? place : 'out';
}
