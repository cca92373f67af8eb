import type { BedPhase } from './bed-rule.ts';

/** Which step of leaving a bed is the first that is an alarm. */
export type BedAlarmFrom = 'sitting' | 'edge' | 'out' | 'away';

/** An alarm begins, is repeated or gets worse, or ends. */
export interface BedNews {
  readonly phase: 'start' | 'update' | 'end';
  /** Why there is an alarm. */
  readonly reason: BedAlarmFrom;
}

/** What is known of a bed at a moment. Times are monotonic milliseconds. */
export interface BedView {
  readonly phase: BedPhase;
  /** When the phase was first seen. */
  readonly sinceMs: number;
  /** Somebody was in the bed before, or may have been: who was not in it cannot leave it. */
  readonly wasIn: boolean;
  /** When the hours in which alarms are wanted began; undefined: they are not wanted now. */
  readonly watchedSinceMs: number | undefined;
}

/** An alarm is repeated. Milliseconds. */
const REPEAT_MS = 10_000;
/** Who sits on the edge for less than this is not back. Milliseconds. */
const BACK_MS = 10_000;
const ORDER: readonly BedAlarmFrom[] = ['sitting', 'edge', 'out', 'away'];

/** When leaving a bed is an alarm. One that has begun goes on after the hours in which it could begin. */
export class BedAlarm {
  readonly #from: BedAlarmFrom;
  readonly #awayMs: number;
  #open: BedAlarmFrom | undefined;
  #saidMs = 0;
  #leftMs: number | undefined;

  constructor(from: BedAlarmFrom, awayMs: number) {
    this.#from = from;
    this.#awayMs = awayMs;
  }

  /** Why there is an alarm now. */
  get open(): BedAlarmFrom | undefined {
    return this.#open;
  }

  /** When who was in the bed left it; undefined: nobody did. Monotonic milliseconds. */
  get leftMs(): number | undefined {
    return this.#leftMs;
  }

  /** To be called with each change, and about twice a second. @param nowMs Monotonic milliseconds. */
  look(nowMs: number, view: BedView): BedNews | undefined {
    const open = this.#open;
    const isEntered = this.#isEntered(nowMs, view);
    if (isEntered) this.#leftMs = undefined;
    else if (view.phase === 'out') this.#leftMs ??= view.sinceMs;
    const reason = this.#reason(nowMs, view);
    if (open === undefined)
      return reason && view.watchedSinceMs !== undefined ? this.#say(nowMs, reason, 'start') : undefined;
    // Who bends over the bed for a moment is not back.
    if (this.#isBack(view.phase) && (view.phase !== 'edge' || isEntered)) {
      this.#open = undefined;
      return { phase: 'end', reason: open };
    }
    if (reason && ORDER.indexOf(reason) > ORDER.indexOf(open)) return this.#say(nowMs, reason, 'update');
    return nowMs - this.#saidMs >= REPEAT_MS ? this.#say(nowMs, open, 'update') : undefined;
  }

  #isEntered(nowMs: number, { phase, sinceMs }: BedView): boolean {
    return phase === 'in' || phase === 'sitting' || (phase === 'edge' && nowMs - sinceMs >= BACK_MS);
  }

  /** A step before the one that is the first alarm. */
  #isBack(phase: BedPhase): boolean {
    if (phase === 'in' || phase === 'out') return phase === 'in';
    const step = ORDER.findIndex((one) => one === phase);
    return step >= 0 && step < ORDER.indexOf(this.#from);
  }

  #reason(nowMs: number, { phase, sinceMs, wasIn, watchedSinceMs = nowMs }: BedView): BedAlarmFrom | undefined {
    const leftMs = this.#isBack(phase) ? undefined : this.#leftMs;
    if (leftMs !== undefined && nowMs - Math.max(leftMs, watchedSinceMs) >= this.#awayMs) return 'away';
    // Who left before these hours is not in bed yet.
    if (!wasIn || sinceMs < watchedSinceMs) return undefined;
    if (phase !== 'sitting' && phase !== 'edge' && phase !== 'out') return undefined;
    return ORDER.indexOf(phase) >= ORDER.indexOf(this.#from) ? phase : undefined;
  }

  #say(nowMs: number, reason: BedAlarmFrom, phase: 'start' | 'update'): BedNews {
    this.#saidMs = nowMs;
    this.#open = reason;
    return { phase, reason };
  }
}
