import { type Clock, type Log, messageOf } from '@vigia/base';
import type { BedData, Bbox, Detection, ResultMessage, ZoneConfig } from '@vigia/contracts';
import {
  BED_LEAST_SCORE,
  BedAlarm,
  type BedAlarmFrom,
  type BedNews,
  BedRule,
  BLIND_MS,
  type Hours,
} from '@vigia/rules';
import type { Picture } from '#core/media/libav';
import { watchedSince } from './watchers.ts';

/** What is said of a bed, with the picture that decided. */
export interface BedReport {
  /** Of an alarm; null: the bed has another state, and there is no alarm. */
  readonly phase: BedNews['phase'] | null;
  readonly state: BedData['state'];
  /** Null: there is no alarm. */
  readonly reason: BedAlarmFrom | null;
  /** For how long the state has been seen; undefined: no other one was. Milliseconds. */
  readonly sinceMs: number | undefined;
  /** For how long who was in the bed has been away; undefined: is not. Milliseconds. */
  readonly awayMs: number | undefined;
  /** Of who decided; null: nobody was seen. */
  readonly bbox: Bbox | null;
  /** When the newest picture was captured. Wall time, milliseconds since 1970. */
  readonly capturedWallMs: number;
  /** Its age now. Milliseconds. */
  readonly ageMs: number;
}

/** Options of {@link BedWatch}. */
export interface BedWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The bed. */
  readonly bed: ZoneConfig['points'];
  /** All zones of the camera. */
  readonly zones: readonly ZoneConfig[];
  readonly alarm: BedAlarmFrom;
  readonly awayMs: number;
  /** When leaving the bed is an alarm, in local time; undefined: always. */
  readonly hours: Hours | undefined;
  readonly onReport: (report: BedReport) => void;
}

/** Feeds the bed rule with the results of a consumer, and raises the alarms of a bed. */
export class BedWatch {
  /** Detections of this confidence are wanted beside those of the results. */
  readonly faintFrom: number = BED_LEAST_SCORE;
  readonly #o: BedWatchOptions;
  readonly #alarm: BedAlarm;
  #rule: BedRule | undefined;
  #aspect = 0;
  #newest: Pick<Picture['stamps'], 'capturedMs' | 'capturedWallMs'> | undefined;
  #seenMs: number | undefined;
  #bbox: Bbox | null = null;
  /** From the beginning, as nothing was seen. */
  #isBlind = true;
  #isReplaced = false;

  constructor(options: BedWatchOptions) {
    this.#o = options;
    this.#alarm = new BedAlarm(options.alarm, options.awayMs);
  }

  /** An `ok` result. @param faint What the model saw less surely. @param picture Borrowed until the call returns. */
  seen({ detections }: ResultMessage, faint: readonly Detection[], picture: Picture): void {
    this.#seenMs = this.#o.clock.nowMs();
    const { capturedMs, capturedWallMs } = picture.stamps;
    this.#newest = { capturedMs, capturedWallMs };
    const wasBlind = this.#isBlind;
    this.#isBlind = false;
    const change = this.#ruleFor(picture).see(capturedMs, [...(detections ?? []), ...faint]);
    if (change) this.#bbox = change.bbox;
    this.#look(wasBlind || this.#isReplaced || change !== undefined);
    this.#isReplaced = false;
  }

  /** To be called about twice a second: notices that results stopped, and that time is over. */
  watch(): void {
    if (this.#seenMs === undefined) return;
    if (!this.#isBlind && this.#o.clock.nowMs() - this.#seenMs >= BLIND_MS) this.#goBlind();
    else this.#look(false);
  }

  /** Nobody looks any more. Idempotent. */
  close(): void {
    if (this.#seenMs !== undefined && !this.#isBlind) this.#goBlind();
  }

  /** Another shape of picture has other people. */
  #ruleFor({ width, height }: Picture): BedRule {
    const aspect = width / height;
    if (this.#rule && aspect === this.#aspect) return this.#rule;
    this.#aspect = aspect;
    this.#bbox = null;
    this.#isReplaced = true;
    this.#rule = new BedRule(aspect, { bed: this.#o.bed, zones: this.#o.zones });
    return this.#rule;
  }

  #goBlind(): void {
    this.#rule?.blind();
    this.#bbox = null;
    this.#isBlind = true;
    this.#look(true);
  }

  /** @param isNew The state is another one. */
  #look(isNew: boolean): void {
    const nowMs = this.#o.clock.nowMs();
    const { phase = 'unknown', sinceMs = nowMs, wasIn = false } = this.#rule ?? {};
    const news = this.#alarm.look(nowMs, {
      phase,
      sinceMs,
      wasIn,
      watchedSinceMs: watchedSince(this.#o.hours, this.#o.clock),
    });
    if (!news && !isNew) return;
    const { open = null } = this.#alarm;
    this.#report(nowMs, news?.phase ?? (open === null ? null : 'update'), news?.reason ?? open);
  }

  #report(nowMs: number, phase: BedReport['phase'], reason: BedReport['reason']): void {
    const newest = this.#newest;
    if (!newest) return;
    const { leftMs } = this.#alarm;
    const { sinceMs, phase: state = 'unknown' } = this.#rule ?? {};
    try {
      this.#o.onReport({
        phase,
        state: this.#isBlind ? 'blind' : state,
        reason,
        sinceMs: sinceMs === undefined ? undefined : nowMs - sinceMs,
        awayMs: leftMs === undefined ? undefined : nowMs - leftMs,
        bbox: this.#bbox,
        capturedWallMs: newest.capturedWallMs,
        ageMs: nowMs - newest.capturedMs,
      });
    } catch (error) {
      this.#o.log.error(`the state of a bed could not be reported: ${messageOf(error)}`);
    }
  }
}
