import type { Bbox } from '@vigia/contracts';
import type { Body } from '../body.ts';
import { LOOKS_PER_PLACE } from './look.ts';
import type { FallEvidence } from './person.ts';

/** How an alarm begins, goes on and ends. */
export type FallState = 'down' | 'blind' | 'recovered' | 'gone';
/** `fall`: upright, and then down. `long_lie`: on the floor for long, however they got there. */
export type FallReason = 'fall' | 'long_lie';

/** An alarm begins, goes on, or ends. */
export interface FallChange {
  /** Unique within its rule. */
  readonly person: number;
  readonly phase: 'start' | 'update' | 'end';
  readonly state: FallState;
  readonly reason: FallReason;
  /** Of the picture that decided. Monotonic milliseconds. */
  readonly atMs: number;
  /** Since the body was down, up to that picture. Milliseconds. */
  readonly downMs: number;
  readonly evidence: FallEvidence;
  /** Where the person was last seen. */
  readonly bbox: Bbox;
}

/** Where no looks are possible, who fell must be seen upright for this long. Milliseconds. */
const RECOVERED_UNLOOKED_MS = 10_000;
/** An alarm is repeated. Milliseconds. */
const REPEAT_MS = 10_000;
/** Who fell and was not seen for this long is gone: only time with results counts. Milliseconds. */
const GONE_MS = 600_000;
/** Until then the place is looked at so often. Milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/** Options of {@link Alarm}. */
export interface AlarmOptions {
  readonly reason: FallReason;
  /** When it is raised, and since when the body is down. */
  readonly atMs: number;
  readonly fromMs: number;
  readonly evidence: FallEvidence;
  /** Where the body was last seen down, and how long it is, in heights of the picture. */
  readonly body: Body;
  readonly height: number;
  /** Looks can be answered. */
  readonly canLook: boolean;
  /** Recovered: seen upright for this long while looks found nobody who lies there. Milliseconds. */
  readonly recoveredMs: number;
  /** Sightings and results further apart do not belong together. Milliseconds. */
  readonly holeMs: number;
}

/** What a picture shows of somebody who is down. */
export interface AlarmView {
  readonly isSeen: boolean;
  readonly isUpright: boolean;
  /** Seen down, here. */
  readonly down: Body | undefined;
}

/** What is known of somebody who is down, from the alarm to its end. */
export class Alarm {
  readonly reason: FallReason;
  readonly fromMs: number;
  readonly evidence: FallEvidence;
  readonly height: number;
  readonly #o: AlarmOptions;
  #body: Body;
  #saidMs: number;
  #lookedMs: number;
  /** Since when it is seen upright again, and when it was last. */
  #uprightMs: number | undefined;
  #lastUprightMs = Number.NEGATIVE_INFINITY;
  /** When a look last found somebody who lies there. */
  #lyingMs = Number.NEGATIVE_INFINITY;
  /** Looks at the place in the newest picture that were answered. */
  #answered = 0;
  /** Time with results in which nobody was seen there. */
  #unseenMs = 0;

  constructor(options: AlarmOptions) {
    this.#o = options;
    this.reason = options.reason;
    this.fromMs = options.fromMs;
    this.evidence = options.evidence;
    this.height = options.height;
    this.#body = options.body;
    this.#saidMs = options.atMs;
    this.#lookedMs = options.atMs;
  }

  /** Where the body was last seen down. */
  get body(): Body {
    return this.#body;
  }

  /** Whether to look at the place in this picture: to be called for each. Who seems to stand again may be a helper: does somebody still lie there? */
  wantsLook(atMs: number, isUpright: boolean): boolean {
    this.#answered = 0;
    return isUpright || atMs - this.#lookedMs >= LOOK_AGAIN_MS;
  }

  /** It is looked at in this picture. */
  looking(atMs: number): void {
    this.#lookedMs = atMs;
  }

  /** A look was answered. @param isLying Whether it found somebody who lies there. */
  looked(atMs: number, isLying: boolean): void {
    this.#answered += 1;
    if (isLying) this.#lyingMs = atMs;
  }

  /** What was seen upright up to now does not count any more. */
  doubt(): void {
    this.#uprightMs = undefined;
  }

  /**
   * Everything of a picture is known.
   *
   * @param stepMs Since the result before, at most what still belongs together.
   * @returns What is to be said now, if anything.
   */
  goOn(atMs: number, stepMs: number, view: AlarmView): 'down' | 'recovered' | 'gone' | undefined {
    if (view.isSeen || this.#lyingMs === atMs) this.#unseenMs = 0;
    else this.#unseenMs += stepMs;
    if (view.isUpright && this.#isBelieved(atMs)) {
      if (atMs - this.#lastUprightMs > this.#o.holeMs) this.#uprightMs = undefined;
      this.#lastUprightMs = atMs;
      this.#uprightMs ??= atMs;
      const enoughMs = this.#o.canLook ? this.#o.recoveredMs : RECOVERED_UNLOOKED_MS;
      if (atMs - this.#uprightMs >= enoughMs) return 'recovered';
    } else if (view.isSeen) {
      this.#uprightMs = undefined;
      if (view.down) this.#body = view.down;
    }
    if (this.#unseenMs > GONE_MS) return 'gone';
    if (atMs - this.#saidMs < REPEAT_MS) return undefined;
    this.#saidMs = atMs;
    return 'down';
  }

  /** Where looks are possible, all of them were answered, and found nobody who lies there. */
  #isBelieved(atMs: number): boolean {
    return this.#lyingMs !== atMs && (!this.#o.canLook || this.#answered >= LOOKS_PER_PLACE);
  }
}
