import type { ClockReport } from '#core/media';
import type { CameraClock } from './camera-clock.ts';
import { ReportedDelay } from './reported-delay.ts';
import { StampTremble } from './stamp-tremble.ts';

/**
 * How fast the minimum transit may grow while the speed of the sender's clock is unknown: cameras' crystals differ from ours
 * by up to about 100 ppm, and a slow clock must not look like growing lateness. This could hide a backlog that grows by
 * 0.2 ms per second; a TCP connection that is read continuously cannot have one for long.
 */
const DRIFT_ALLOWANCE = 200e-6;
/** The same once sender reports have shown how fast the clock runs. */
const MEASURED_ALLOWANCE = 30e-6;
/** A step back of more than this is a new clock, not reordering (B-frames step back by a few intervals). */
const CLOCK_RESET_MS = 1_000;
/** Units in a row whose time stamps grow: the stream has no B-frames, and any step back from then on is a new clock. */
const ORDERED_RUN = 60;
/** Smaller steps back are jitter of the time stamps. */
const TREMBLE_MS = 20;
/** A step forwards of more than this beyond what arrival explains is a new clock too. */
const CLOCK_LEAP_MS = 10_000;
/** Units in a row with the same time stamp: the stream has no clock. */
const STILL_RUN = 10;

/**
 * Lateness is the excess of (arrival − stream time) over its running minimum, so that a backlog in a socket cannot pass for
 * fresh. The camera's wall clock is never compared with ours. One instance per connection.
 *
 * What delays every unit alike cannot be seen that way. Sender reports show it (RFC 3550, 6.4.1): a report has the stream's
 * time as of *now*, a picture that of its capture. Without them, or when they contradict each other, ages are
 * uncertain: {@link hiddenMs}.
 */
export class Lateness {
  readonly #clock: CameraClock;
  readonly #reported: ReportedDelay;
  readonly #tremble = new StampTremble();
  /** Least transit of the units themselves. */
  #fastestMs = Number.POSITIVE_INFINITY;
  #lastTransitMs = 0;
  #lastArrivedMs = 0;
  #newestPtsMs = Number.NEGATIVE_INFINITY;
  #newestArrivedMs = 0;
  #orderedRun = 0;
  #stillRun = 0;
  #lastPtsMs = Number.NaN;

  /** @param clock Of the camera; outlives the connection. */
  constructor(clock: CameraClock) {
    this.#clock = clock;
    this.#reported = new ReportedDelay(clock);
  }

  /** Parts per million by which the stream's clock runs fast; undefined until reports have shown it. */
  get driftPpm(): number | undefined {
    return this.#reported.drift === undefined ? undefined : this.#reported.drift * 1e6;
  }

  /**
   * How much older than its lateness says a unit may be, milliseconds: 0 when nothing can be hidden, infinite when nobody
   * knows.
   */
  get hiddenMs(): number {
    return this.#hasNoClock ? Number.POSITIVE_INFINITY : Math.max(this.#reported.hiddenMs, this.#tremble.spreadMs);
  }

  /** The time stamps do not measure time: they stand still, or run at another rate than the camera's own clock. */
  get #hasNoClock(): boolean {
    return this.#stillRun >= STILL_RUN || this.#clock.isRateWrong;
  }

  /** The lateness of a unit, milliseconds, 0 or more. To be called in order of arrival. */
  observe(ptsMs: number, arrivedMs: number): number {
    this.#stillRun = ptsMs === this.#lastPtsMs ? this.#stillRun + 1 : 0;
    this.#lastPtsMs = ptsMs;
    if (this.#isNewClock(ptsMs, arrivedMs)) this.#restart();
    this.#orderedRun = ptsMs < this.#newestPtsMs ? 0 : this.#orderedRun + 1;
    if (ptsMs > this.#newestPtsMs) {
      this.#newestPtsMs = ptsMs;
      this.#newestArrivedMs = arrivedMs;
    }
    const transitMs = this.#transit(ptsMs, arrivedMs);
    this.#lastTransitMs = transitMs;
    this.#age(arrivedMs);
    this.#fastestMs = Math.min(this.#fastestMs, transitMs);
    return this.#hasNoClock ? 0 : Math.max(0, transitMs - Math.min(this.#fastestMs, this.#reported.zeroMs));
  }

  /** Takes a sender report; ignores one before the first unit. Its wall clock is compared only with that of other reports. */
  report(report: ClockReport): void {
    if (this.#fastestMs === Number.POSITIVE_INFINITY) return;
    this.#age(report.arrivedMs);
    // Some cameras repeat the time of their last picture: that shows nothing of now.
    if (report.ptsMs !== this.#newestPtsMs) this.#reported.take(report, this.#lastTransitMs);
  }

  /** Arrival minus stream time of a unit; of stamps that tremble, the mean. */
  #transit(ptsMs: number, arrivedMs: number): number {
    const { trembles, spreadMs } = this.#tremble;
    const transitMs = this.#tremble.transit(ptsMs, arrivedMs);
    if (trembles === this.#tremble.trembles) return transitMs;
    // The least transit was that of the stamp furthest ahead, unless it is of another time; from here on means are
    // compared. And back: the least of many means was less than the truth, by no more than their spread.
    const { leastMs } = this.#tremble;
    const aheadMs = transitMs - leastMs;
    if (!trembles && leastMs - this.#fastestMs < aheadMs / 2) this.#fastestMs += aheadMs;
    if (trembles && transitMs - this.#fastestMs <= spreadMs) this.#fastestMs = transitMs;
    return transitMs;
  }

  #isNewClock(ptsMs: number, arrivedMs: number): boolean {
    const step = ptsMs - this.#newestPtsMs;
    if (step < -CLOCK_RESET_MS || (step < -TREMBLE_MS && this.#orderedRun >= ORDERED_RUN)) return true;
    return step - (arrivedMs - this.#newestArrivedMs) > CLOCK_LEAP_MS && this.#newestPtsMs !== Number.NEGATIVE_INFINITY;
  }

  #restart(): void {
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.#newestPtsMs = Number.NEGATIVE_INFINITY;
    this.#orderedRun = 0;
    this.#tremble.restart();
    this.#reported.restart();
  }

  /** Lets the minimum grow with the measured drift, and with its uncertainty. */
  #age(arrivedMs: number): void {
    const { drift } = this.#reported;
    const rate = drift === undefined ? DRIFT_ALLOWANCE : MEASURED_ALLOWANCE - drift;
    const grownMs = Math.max(0, arrivedMs - this.#lastArrivedMs) * rate;
    if (this.#fastestMs !== Number.POSITIVE_INFINITY) {
      this.#fastestMs += grownMs;
      this.#reported.grow(grownMs);
    }
    this.#lastArrivedMs = Math.max(this.#lastArrivedMs, arrivedMs);
  }
}
