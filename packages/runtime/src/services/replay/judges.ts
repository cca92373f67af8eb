import type { Bbox, Detection } from '@vigia/contracts';
import {
  BedAlarm,
  type BedChange,
  type BedNews,
  type BedPhase,
  BedRule,
  type BesideView,
  type FallChange,
  FallRule,
  type Hours,
  lastedMs,
  type Look,
  type PersonView,
  VisitAlarm,
  type VisitAlarmOptions,
  type VisitPhase,
  VisitRule,
  type VisitState,
  type VisitView,
} from '@vigia/rules';
import type { BedRuleSetup, VisitRuleSetup } from '#core/camera-link';

/** Somebody, a bed, or a zone, as a rule sees it. */
export interface Subject {
  /** `person 3`, `bed`, `kitchen`. */
  readonly name: string;
  /** A posture, a place, or the state of a bed or a zone. */
  readonly state: string;
  /** Null: it is drawn nowhere. */
  readonly bbox: Bbox | null;
  /** In this picture; by a second look. */
  readonly isSeen: boolean;
  readonly looked: boolean;
}

/** What a rule thinks of a picture. */
export interface Judgement<News> {
  readonly subjects: readonly Subject[];
  /** What changed. */
  readonly news: readonly News[];
  /** An alarm that began, in a few words. */
  readonly alarm: string | undefined;
}

/** A rule that is tried. For each picture `see`, `looked` for each look, then `settle`. */
export interface Judge<News> {
  see(atMs: number, detections: readonly Detection[]): readonly Look[];
  looked(look: Look, found: readonly Detection[]): void;
  settle(): Judgement<News>;
}

/** A rule that needs no pictures, only results, which may stop. */
export interface ResultJudge<News> extends Judge<News> {
  /** Results stopped: nobody knows. */
  blind(): void;
  /** Time passes without results. Then `settle`. */
  wait(atMs: number): void;
}

/** News of the fall rule: everybody, and what changed. */
export interface FallNews {
  readonly people: readonly PersonView[];
  readonly changes: readonly FallChange[];
}

/** The fall rule. */
export class FallJudge implements Judge<FallNews> {
  readonly #rule: FallRule;

  constructor(aspect: number, options: ConstructorParameters<typeof FallRule>[1]) {
    this.#rule = new FallRule(aspect, options);
  }

  /** People of another shape of picture have other numbers: theirs begin here. */
  get nextPerson(): number {
    return this.#rule.nextPerson;
  }

  see(atMs: number, detections: readonly Detection[]): readonly Look[] {
    return this.#rule.see(atMs, detections);
  }

  looked(look: Look, found: readonly Detection[]): void {
    this.#rule.looked(look, found);
  }

  settle(): Judgement<FallNews> {
    const changes = this.#rule.settle();
    const people = this.#rule.people();
    const subjects = people.map(({ person, posture, bbox, isSeen, looked }) => {
      return { name: `person ${person}`, state: posture, bbox, isSeen, looked };
    });
    const start = changes.find(({ phase }) => phase === 'start');
    const alarm = start && `${start.reason === 'fall' ? 'fell' : 'lies on the floor'}, person ${start.person}`;
    return { subjects, news: [{ people, changes }], alarm };
  }
}

/** News of the bed rule. */
export interface BedPictureNews {
  readonly phase: BedPhase;
  readonly people: readonly BesideView[];
  readonly change: BedChange | undefined;
  readonly alarm: BedNews | undefined;
  /** For how long who was in the bed has been away. Milliseconds. */
  readonly awayMs: number | undefined;
}

/** When the hours began in which alarms are wanted; undefined: they are not wanted then. @param hours Null: always. */
function watchedSince(hours: Hours | null, atMs: number): number | undefined {
  if (!hours) return Number.NEGATIVE_INFINITY;
  const lasted = lastedMs(hours, atMs);
  return lasted === undefined ? undefined : atMs - lasted;
}

/** The bed rule. With hours its times are those of the wall clock. */
export class BedJudge implements ResultJudge<BedPictureNews> {
  readonly #name: string;
  readonly #rule: BedRule;
  readonly #alarm: BedAlarm;
  readonly #hours: Hours | null;
  #atMs = 0;
  #change: BedChange | undefined;

  constructor(aspect: number, { zone, bed, zones, alarm, awayMs, hours }: BedRuleSetup) {
    this.#name = zone;
    this.#rule = new BedRule(aspect, { bed, zones });
    this.#alarm = new BedAlarm(alarm, awayMs);
    this.#hours = hours;
  }

  see(atMs: number, detections: readonly Detection[]): readonly Look[] {
    this.#atMs = atMs;
    this.#change = this.#rule.see(atMs, detections);
    return [];
  }

  looked(): void {
    // It wishes none.
  }

  blind(): void {
    this.#rule.blind();
  }

  wait(atMs: number): void {
    this.#atMs = atMs;
    this.#change = undefined;
  }

  settle(): Judgement<BedPictureNews> {
    const { phase, sinceMs = this.#atMs, wasIn } = this.#rule;
    const watchedSinceMs = watchedSince(this.#hours, this.#atMs);
    const alarm = this.#alarm.look(this.#atMs, { phase, sinceMs, wasIn, watchedSinceMs });
    const { leftMs } = this.#alarm;
    const people = this.#rule.people();
    const around = people.map(({ person, place, bbox, isSeen, isHelper }): Subject => {
      return { name: `person ${person}`, state: isHelper ? 'helper' : place, bbox, isSeen, looked: false };
    });
    const bed = { name: this.#name, state: phase, bbox: null, isSeen: true, looked: false };
    const awayMs = leftMs === undefined ? undefined : this.#atMs - leftMs;
    return {
      subjects: [bed, ...around],
      news: [{ phase, people, change: this.#change, alarm, awayMs }],
      alarm: alarm?.phase === 'start' ? alarm.reason : undefined,
    };
  }
}

/** News of the visits to one zone. */
export interface VisitNews {
  readonly zone: string;
  readonly view: VisitView;
  /** The state is another one. */
  readonly isNew: boolean;
  readonly alarm: { readonly phase: VisitPhase; readonly reason: VisitAlarmOptions['when'] } | undefined;
}

/** The visits to zones. With hours its times are those of the wall clock. */
export class VisitJudge implements ResultJudge<VisitNews> {
  readonly #rule: VisitRule;
  readonly #alarms: ReadonlyMap<string, VisitAlarm>;
  readonly #hours: ReadonlyMap<string, Hours | null>;
  readonly #states = new Map<string, VisitState>();
  /** When somebody was last seen in each zone. */
  readonly #lastSeen = new Map<string, number>();
  #atMs = 0;
  #isLooking = false;

  /** @param fromMs When it begins to look. Milliseconds. */
  constructor(aspect: number, { watched, zones }: VisitRuleSetup, fromMs = 0) {
    const visited = Object.entries(watched);
    this.#rule = new VisitRule(aspect, { watched: new Map(visited.map(([id, { points }]) => [id, points])), zones });
    const alarms = visited.flatMap(([id, { alarm }]) => (alarm ? [[id, alarm] as const] : []));
    this.#alarms = new Map(alarms.map(([id, alarm]) => [id, new VisitAlarm(alarm, fromMs)]));
    this.#hours = new Map(alarms.map(([id, { hours }]) => [id, hours]));
  }

  see(atMs: number, detections: readonly Detection[]): readonly Look[] {
    this.#atMs = atMs;
    this.#isLooking = true;
    this.#rule.see(atMs, detections);
    return [];
  }

  looked(): void {
    // It wishes none.
  }

  blind(): void {
    this.#rule.blind();
  }

  wait(atMs: number): void {
    this.#atMs = atMs;
    this.#isLooking = false;
  }

  settle(): Judgement<VisitNews> {
    const news = [...this.#rule.views()].map(([zone, view]) => this.#newsOf(zone, view));
    const subjects = news.map(({ zone, view: { state, bbox, visit } }): Subject => {
      const isAlarm = this.#alarms.get(zone)?.isOpen === true;
      return {
        name: zone,
        state: isAlarm ? 'alarm' : state,
        bbox: state === 'occupied' && bbox ? bbox : null,
        isSeen: visit?.lastSeenMs === this.#atMs,
        looked: false,
      };
    });
    const start = news.find(({ alarm }) => alarm?.phase === 'start');
    return { subjects, news, alarm: start && `${start.zone} ${start.alarm?.reason}` };
  }

  #newsOf(zone: string, view: VisitView): VisitNews {
    const { state, visit } = view;
    if (state === 'occupied' && visit) this.#lastSeen.set(zone, visit.lastSeenMs);
    const isNew = state !== (this.#states.get(zone) ?? 'unknown');
    this.#states.set(zone, state);
    const moment = {
      ...view,
      lastSeenMs: this.#lastSeen.get(zone),
      isLooking: this.#isLooking,
      watchedSinceMs: watchedSince(this.#hours.get(zone) ?? null, this.#atMs),
    };
    const alarm = this.#alarms.get(zone);
    const phase = alarm?.look(this.#atMs, moment);
    return { zone, view, isNew, alarm: alarm && phase ? { phase, reason: alarm.when } : undefined };
  }
}
