import type { ClockReport } from '#core/media';

/**
 * How fast the minimum transit may grow while the speed of the sender's clock is unknown: cameras' crystals differ from ours
 * by up to about 100 ppm, and a slow clock must not look like growing lateness. This could hide a backlog that grows by
 * 0.2 ms per second; a TCP connection that is read continuously cannot have one for long.
 */
const DRIFT_ALLOWANCE = 200e-6;
/** The same once sender reports have shown how fast the clock runs. */
const MEASURED_ALLOWANCE = 30e-6;
/** Reports this far apart show the drift: their own stamps are inexact by a few milliseconds. */
const DRIFT_BASE_MS = 60_000;
/** More drift than this means that a clock was set. */
const DRIFT_LIMIT = 1000e-6;
/** A step back of more than this is a new clock, not reordering (B-frames step back by a few intervals). */
const CLOCK_RESET_MS = 1_000;
/** Units in a row whose time stamps grow: the stream has no B-frames, and any step back from then on is a new clock. */
const ORDERED_RUN = 60;
/** Smaller steps back are jitter of the time stamps. */
const TREMBLE_MS = 20;
/** A step forwards of more than this beyond what arrival explains is a new clock too. */
const CLOCK_LEAP_MS = 10_000;
/**
 * A sender report that shows more delay than this is ignored: some cameras' reports are unrelated to the time stamps of
 * their pictures, and from 1 s on every picture would count as stale.
 */
const REPORT_LIMIT_MS = 400;

/**
 * Lateness is the excess of (arrival − stream time) over its running minimum, so that a backlog in a socket cannot pass for
 * fresh. The camera's wall clock is never compared with ours. One instance per connection.
 *
 * Sender reports (RFC 3550, 6.4.1) help twice. A report has the stream's time as of *now*, a picture that of its capture: the
 * difference shows the camera's encoding time, and a burst of old pictures after connecting. Two reports a minute apart show
 * how fast the stream's clock runs against the camera's disciplined one.
 */
export class Lateness {
  #fastestMs = Number.POSITIVE_INFINITY;
  #lastArrivedMs = 0;
  #newestPtsMs = Number.NEGATIVE_INFINITY;
  #newestArrivedMs = 0;
  #orderedRun = 0;
  #anchor: ClockReport | undefined;
  /** Stream milliseconds gained per real millisecond; 0 until measured. */
  #drift = 0;
  #measured = false;

  /** Parts per million by which the stream's clock runs fast; undefined until reports have shown it. */
  get driftPpm(): number | undefined {
    return this.#measured ? this.#drift * 1e6 : undefined;
  }

  /** The lateness of a unit, milliseconds, 0 or more. To be called in order of arrival. */
  observe(ptsMs: number, arrivedMs: number): number {
    if (this.#isNewClock(ptsMs, arrivedMs)) this.#restart();
    this.#orderedRun = ptsMs < this.#newestPtsMs ? 0 : this.#orderedRun + 1;
    if (ptsMs > this.#newestPtsMs) {
      this.#newestPtsMs = ptsMs;
      this.#newestArrivedMs = arrivedMs;
    }
    const transitMs = arrivedMs - ptsMs;
    this.#age(arrivedMs);
    this.#fastestMs = Math.min(this.#fastestMs, transitMs);
    return transitMs - this.#fastestMs;
  }

  /** Takes a sender report. Its wall clock is compared only with that of other reports. */
  report(report: ClockReport): void {
    if (this.#fastestMs === Number.POSITIVE_INFINITY) return;
    this.#measureDrift(report);
    this.#age(report.arrivedMs);
    const transitMs = report.arrivedMs - report.ptsMs;
    if (transitMs < this.#fastestMs && this.#fastestMs - transitMs <= REPORT_LIMIT_MS) this.#fastestMs = transitMs;
  }

  #isNewClock(ptsMs: number, arrivedMs: number): boolean {
    const step = ptsMs - this.#newestPtsMs;
    if (step < -CLOCK_RESET_MS || (step < -TREMBLE_MS && this.#orderedRun >= ORDERED_RUN)) return true;
    return step - (arrivedMs - this.#newestArrivedMs) > CLOCK_LEAP_MS && this.#newestPtsMs !== Number.NEGATIVE_INFINITY;
  }

  #restart(): void {
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.#newestPtsMs = Number.NEGATIVE_INFINITY;
    this.#anchor = undefined;
    this.#orderedRun = 0;
  }

  /** Lets the minimum grow with the measured drift, and with its uncertainty. */
  #age(arrivedMs: number): void {
    if (this.#fastestMs !== Number.POSITIVE_INFINITY) {
      const rate = this.#measured ? MEASURED_ALLOWANCE - this.#drift : DRIFT_ALLOWANCE;
      this.#fastestMs += Math.max(0, arrivedMs - this.#lastArrivedMs) * rate;
    }
    this.#lastArrivedMs = Math.max(this.#lastArrivedMs, arrivedMs);
  }

  #measureDrift(report: ClockReport): void {
    const anchor = this.#anchor;
    const wallMs = anchor ? report.wallMs - anchor.wallMs : 0;
    const streamMs = anchor ? report.ptsMs - anchor.ptsMs : 0;
    // One of the clocks was set: the comparison starts again from here.
    if (!anchor || wallMs < 0 || Math.abs(streamMs - wallMs) > Math.max(50, wallMs * DRIFT_LIMIT)) {
      this.#anchor = report;
      return;
    }
    if (wallMs < DRIFT_BASE_MS) return;
    this.#drift = streamMs / wallMs - 1;
    this.#measured = true;
  }
}
