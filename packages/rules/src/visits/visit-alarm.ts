import type { VisitState } from './zone-visit.ts';

/** Which state of a zone is an alarm: somebody is there, too many are, or nobody was for too long. */
export type VisitAlarmWhen = 'occupied' | 'crowded' | 'empty';

/** When a zone is an alarm. */
export interface VisitAlarmOptions {
  readonly when: VisitAlarmWhen;
  /** For how long that must last. Milliseconds. */
  readonly afterMs: number;
  /** Of `crowded`: from so many people on. */
  readonly people: number;
}

/** What is known of a zone at a moment. Times are monotonic milliseconds. */
export interface VisitMoment {
  /** `unknown` while nobody looks, too. */
  readonly state: VisitState;
  readonly people: number;
  /** Since when somebody is there; of other states without meaning. */
  readonly sinceMs: number;
  /** When somebody was last seen there; undefined: nobody ever was. */
  readonly lastSeenMs: number | undefined;
  /** Results come. */
  readonly isLooking: boolean;
  /** When the hours in which alarms are wanted began; undefined: they are not wanted now. */
  readonly watchedSinceMs: number | undefined;
}

/** What is to be said of an alarm. */
export type VisitPhase = 'start' | 'update' | 'end';

/** An alarm is repeated. Milliseconds. */
const REPEAT_MS = 10_000;
/** Detectors lose one of many for a moment: a crowd is another one after so long without one, and has ended after so long. Milliseconds. */
const CROWD_MS = { begins: 1_000, ends: 3_000 };

/** When a zone is an alarm, and until when. One that has begun goes on after the hours in which it could begin. */
export class VisitAlarm {
  readonly #o: VisitAlarmOptions;
  /** When nobody had been seen yet. */
  readonly #bornMs: number;
  #isOpen = false;
  #saidMs = 0;
  /** Since when somebody is there, as far as nobody was seen to leave: not knowing is no leaving. */
  #occupiedMs: number | undefined;
  #crowdedMs: number | undefined;
  #lastCrowdedMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs Monotonic milliseconds. */
  constructor(options: VisitAlarmOptions, nowMs: number) {
    this.#o = options;
    this.#bornMs = nowMs;
  }

  get when(): VisitAlarmWhen {
    return this.#o.when;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** To be called with each result, and about twice a second. @param nowMs Monotonic milliseconds. */
  look(nowMs: number, moment: VisitMoment): VisitPhase | undefined {
    this.#count(nowMs, moment);
    if (!this.#isOpen) {
      const beganMs = this.#beganMs(moment);
      const { watchedSinceMs } = moment;
      if (beganMs === undefined || watchedSinceMs === undefined) return undefined;
      if (nowMs - Math.max(beganMs, watchedSinceMs) < this.#o.afterMs) return undefined;
      this.#isOpen = true;
      this.#saidMs = nowMs;
      return 'start';
    }
    if (this.#isOver(nowMs, moment)) {
      this.#isOpen = false;
      return 'end';
    }
    if (nowMs - this.#saidMs < REPEAT_MS) return undefined;
    this.#saidMs = nowMs;
    return 'update';
  }

  #count(nowMs: number, { state, people, sinceMs }: VisitMoment): void {
    if (state === 'occupied') this.#occupiedMs ??= sinceMs;
    else if (state === 'empty') this.#occupiedMs = undefined;
    if (state === 'unknown') {
      this.#crowdedMs = undefined;
      // Fewer must be seen for a while before there are fewer.
      if (this.#isOpen) this.#lastCrowdedMs = nowMs;
      return;
    }
    if (nowMs - this.#lastCrowdedMs > CROWD_MS.begins) this.#crowdedMs = undefined;
    if (people < this.#o.people) return;
    this.#crowdedMs ??= nowMs;
    this.#lastCrowdedMs = nowMs;
  }

  /** Since when it is as it should not be; undefined: it is not, or nobody knows. */
  #beganMs({ state, people, lastSeenMs, isLooking }: VisitMoment): number | undefined {
    switch (this.#o.when) {
      case 'occupied':
        return state === 'occupied' ? this.#occupiedMs : undefined;
      case 'crowded':
        return people >= this.#o.people ? this.#crowdedMs : undefined;
      default:
        // That nobody was seen for so long is true, whether or not somebody looked. But who looks just now may see somebody.
        return state === 'empty' || !isLooking ? (lastSeenMs ?? this.#bornMs) : undefined;
    }
  }

  #isOver(nowMs: number, { state }: VisitMoment): boolean {
    switch (this.#o.when) {
      case 'occupied':
        return state === 'empty';
      case 'crowded':
        return state !== 'unknown' && nowMs - this.#lastCrowdedMs >= CROWD_MS.ends;
      default:
        return state === 'occupied';
    }
  }
}
