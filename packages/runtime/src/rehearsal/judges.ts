import type { Bbox, Detection, ZoneConfig } from '@vigia/contracts';
import {
  BedAlarm,
  type BedAlarmFrom,
  type BedChange,
  type BedNews,
  type BedPhase,
  BedRule,
  type BesideView,
  type FallChange,
  FallRule,
  type Look,
  type PersonView,
} from '@vigia/rules';

/** Somebody, or a bed, as a rule sees it. */
export interface Subject {
  /** `person 3`, `bed`. */
  readonly name: string;
  /** A posture, a place, or the state of a bed. */
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

/** A rule that is rehearsed. For each picture `see`, `looked` for each look, then `settle`. */
export interface Judge<News> {
  see(atMs: number, detections: readonly Detection[]): readonly Look[];
  looked(look: Look, found: readonly Detection[]): void;
  settle(): Judgement<News>;
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

/** What a bed is watched for. */
export interface BedSettings {
  readonly name: string;
  readonly bed: ZoneConfig['points'];
  readonly zones: readonly ZoneConfig[];
  readonly alarm: BedAlarmFrom;
  readonly awayMs: number;
}

/** The bed rule, at any hour. */
export class BedJudge implements Judge<BedPictureNews> {
  readonly #name: string;
  readonly #rule: BedRule;
  readonly #alarm: BedAlarm;
  #atMs = 0;
  #change: BedChange | undefined;

  constructor(aspect: number, { name, bed, zones, alarm, awayMs }: BedSettings) {
    this.#name = name;
    this.#rule = new BedRule(aspect, { bed, zones });
    this.#alarm = new BedAlarm(alarm, awayMs);
  }

  see(atMs: number, detections: readonly Detection[]): readonly Look[] {
    this.#atMs = atMs;
    this.#change = this.#rule.see(atMs, detections);
    return [];
  }

  looked(): void {
    // It wishes none.
  }

  settle(): Judgement<BedPictureNews> {
    const { phase, sinceMs = this.#atMs, wasIn } = this.#rule;
    const alarm = this.#alarm.look(this.#atMs, { phase, sinceMs, wasIn, watchedSinceMs: Number.NEGATIVE_INFINITY });
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
