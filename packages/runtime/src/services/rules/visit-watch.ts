import { type Clock, type Log, messageOf } from '@vigia/base';
import type { Bbox, Detection, ResultMessage, VisitData, ZoneConfig } from '@vigia/contracts';
import {
  BLIND_MS,
  type Hours,
  type Visit,
  VISIT_LEAST_SCORE,
  VisitAlarm,
  type VisitAlarmOptions,
  type VisitPhase,
  VisitRule,
  type VisitView,
} from '@vigia/rules';
import type { Picture } from '#core/media/libav';
import { watchedSince } from './watchers.ts';

/** What is said of a zone, with the picture that decided. */
export interface VisitReport {
  readonly zone: string;
  /** Of an alarm; null: somebody came, or the last one went, and there is no alarm. */
  readonly phase: VisitPhase | null;
  readonly state: VisitData['state'];
  /** Null: there is no alarm. */
  readonly reason: VisitData['reason'];
  readonly people: number;
  /** Somebody was there until now: the state before was `occupied`. */
  readonly wasOccupied: boolean;
  /** The newest one, in wall time, milliseconds since 1970; undefined: nobody came. */
  readonly visit: Visit | undefined;
  /** For how long nobody has been seen there. Milliseconds. */
  readonly unseenMs: number;
  readonly bbox: Bbox | null;
  /** When the newest picture was captured. Wall time, milliseconds since 1970. */
  readonly capturedWallMs: number;
  /** Its age now. Milliseconds. */
  readonly ageMs: number;
}

/** A zone that is watched. */
export interface WatchedZone {
  readonly points: ZoneConfig['points'];
  /** Undefined: nothing is an alarm. */
  readonly alarm: (VisitAlarmOptions & { readonly hours: Hours | undefined }) | undefined;
}

/** Options of {@link VisitWatch}. */
export interface VisitWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** By id. */
  readonly watched: ReadonlyMap<string, WatchedZone>;
  /** All zones of the camera. */
  readonly zones: readonly ZoneConfig[];
  readonly onReport: (report: VisitReport) => void;
}

/** Of a zone of which nothing is known. */
const NOTHING: VisitView = { state: 'unknown', sinceMs: 0, people: 0, visit: undefined, bbox: undefined };

/** What this remembers of a zone. */
interface Known {
  readonly alarm: VisitAlarm | undefined;
  readonly hours: Hours | undefined;
  view: VisitView;
  /** As last said. */
  said: VisitReport['state'] | undefined;
  /** When somebody was last seen there; undefined: nobody was. Monotonic milliseconds. */
  lastSeenMs: number | undefined;
}

/** Feeds the visit rule with the results of a consumer, and raises the alarms of its zones. */
export class VisitWatch {
  /** Detections of this confidence are wanted beside those of the results. */
  readonly faintFrom: number = VISIT_LEAST_SCORE;
  readonly #o: VisitWatchOptions;
  readonly #bornMs: number;
  readonly #known: ReadonlyMap<string, Known>;
  #rule: VisitRule | undefined;
  #aspect = 0;
  #newest: Pick<Picture['stamps'], 'capturedMs' | 'capturedWallMs'> | undefined;
  #seenMs: number | undefined;
  /** From the beginning, as nothing was seen. */
  #isBlind = true;

  constructor(options: VisitWatchOptions) {
    this.#o = options;
    this.#bornMs = options.clock.nowMs();
    const known = [...options.watched].map(([zone, { alarm }]) => {
      const made = alarm && new VisitAlarm(alarm, this.#bornMs);
      const one: Known = { alarm: made, hours: alarm?.hours, view: NOTHING, said: undefined, lastSeenMs: undefined };
      return [zone, one] as const;
    });
    this.#known = new Map(known);
  }

  /** An `ok` result. @param faint What the model saw less surely. @param picture Borrowed until the call returns. */
  seen({ detections }: ResultMessage, faint: readonly Detection[], picture: Picture): void {
    this.#seenMs = this.#o.clock.nowMs();
    this.#isBlind = false;
    const { capturedMs, capturedWallMs } = picture.stamps;
    this.#newest = { capturedMs, capturedWallMs };
    const rule = this.#ruleFor(picture);
    rule.see(capturedMs, [...(detections ?? []), ...faint]);
    this.#take(rule);
    this.#look();
  }

  /** To be called about twice a second: notices that results stopped, and that time is over. */
  watch(): void {
    if (this.#seenMs === undefined) return;
    if (!this.#isBlind && this.#o.clock.nowMs() - this.#seenMs >= BLIND_MS) this.#goBlind();
    else this.#look();
  }

  /** Nobody looks any more. Idempotent. */
  close(): void {
    if (this.#seenMs !== undefined && !this.#isBlind) this.#goBlind();
  }

  /** Another shape of picture has other people. */
  #ruleFor({ width, height }: Picture): VisitRule {
    const aspect = width / height;
    if (this.#rule && aspect === this.#aspect) return this.#rule;
    this.#aspect = aspect;
    const watched = new Map([...this.#o.watched].map(([zone, { points }]) => [zone, points]));
    this.#rule = new VisitRule(aspect, { watched, zones: this.#o.zones });
    return this.#rule;
  }

  #take(rule: VisitRule): void {
    for (const [zone, view] of rule.views()) {
      const known = this.#known.get(zone);
      if (!known) continue;
      // What was seen before nobody knew is still true.
      known.view = { ...view, visit: view.visit ?? known.view.visit, bbox: view.bbox ?? known.view.bbox };
      if (view.state === 'occupied') known.lastSeenMs = view.visit?.lastSeenMs;
    }
  }

  #goBlind(): void {
    this.#isBlind = true;
    const rule = this.#rule;
    rule?.blind();
    if (rule) this.#take(rule);
    this.#look();
  }

  #look(): void {
    const nowMs = this.#o.clock.nowMs();
    for (const [zone, known] of this.#known) {
      const { alarm, hours, view, lastSeenMs } = known;
      const watchedSinceMs = watchedSince(hours, this.#o.clock);
      const phase = alarm?.look(nowMs, { ...view, lastSeenMs, watchedSinceMs, isLooking: !this.#isBlind });
      const state = this.#isBlind ? 'blind' : view.state;
      // Nobody has looked for long enough to say that nobody is there; only an alarm is to be said.
      const said = state === 'unknown' ? known.said : state;
      const before = known.said;
      known.said = said;
      if (phase || said !== before)
        this.#report(zone, known, phase ?? (alarm?.isOpen ? 'update' : null), before === 'occupied');
    }
  }

  #report(
    zone: string,
    { alarm, view, said = 'blind', lastSeenMs }: Known,
    phase: VisitReport['phase'],
    wasOccupied: boolean,
  ): void {
    const nowMs = this.#o.clock.nowMs();
    const newest = this.#newest;
    if (!newest) return;
    const wallOf = (atMs: number): number => newest.capturedWallMs + atMs - newest.capturedMs;
    const { visit } = view;
    try {
      this.#o.onReport({
        zone,
        phase,
        state: said,
        reason: phase === null ? null : (alarm?.when ?? null),
        people: view.state === 'occupied' ? view.people : 0,
        wasOccupied,
        visit: visit && { ...visit, enteredMs: wallOf(visit.enteredMs), lastSeenMs: wallOf(visit.lastSeenMs) },
        unseenMs: Math.max(0, nowMs - (lastSeenMs ?? this.#bornMs)),
        bbox: view.bbox ?? null,
        capturedWallMs: newest.capturedWallMs,
        ageMs: nowMs - newest.capturedMs,
      });
    } catch (error) {
      this.#o.log.error(`a visit could not be reported: ${messageOf(error)}`);
    }
  }
}
