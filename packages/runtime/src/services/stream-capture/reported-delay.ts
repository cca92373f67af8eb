import type { ClockReport } from '#core/media';
import type { CameraClock } from './camera-clock.ts';
import { ReportWay } from './report-way.ts';

/** Reports this far apart show the drift: their own stamps are inexact by a few milliseconds. */
const DRIFT_BASE_MS = 60_000;
/** More drift than this means that a clock was set. */
const DRIFT_LIMIT = 1000e-6;
/** Two reports whose clock pairs differ by less belong to the same clocks. Milliseconds. */
const SAME_MS = 50;
/** Two reports of the same stream may take ways that differ by this. Milliseconds. */
const SAME_WAY_MS = 500;
/** No camera holds pictures back for longer: the report is unrelated to them. Milliseconds. */
const UNRELATED_MS = 10_000;
/** Two reports at least so far apart show whether the stream's clock runs at the rate that it should. Milliseconds. */
const RATE_BASE_MS = 1_000;
/** Off by more than this, the stream's clock measures something else. */
const WRONG_RATE = 0.05;
/** A round trip up to this leaves nothing to hide. Milliseconds. */
const SHORT_WAY_MS = 40;
/** Reports of one way take times that differ by this. Milliseconds. */
const JITTER_MS = 20;
/**
 * A report that takes so much longer than one of an earlier connection was held up, or the clock was set. That one may have
 * been as late itself. Milliseconds.
 */
const HELD_UP_MS = 250;

/**
 * What the sender reports of one connection say about the delay that all its pictures have in common, and whether they can
 * be believed. A report counts in full, unless it is unrelated to the pictures or contradicts the one before it; then
 * none counts until two in a row agree.
 */
export class ReportedDelay {
  readonly #clock: CameraClock;
  readonly #way: ReportWay;
  /** Least (arrival − stream time) of the reports that count, beyond their own delay. */
  #fastestMs = Number.POSITIVE_INFINITY;
  /** By which even the fastest report is late. */
  #heldUpMs = 0;
  #hiddenMs = Number.POSITIVE_INFINITY;
  #before: ClockReport | undefined;
  /** The newest one with which the rate of the stream's clock was compared. */
  #rateBase: ClockReport | undefined;
  #anchor: ClockReport | undefined;
  #trusted = true;
  #drift: number | undefined;

  /** @param clock Of the camera; outlives the connection. */
  constructor(clock: CameraClock) {
    this.#clock = clock;
    this.#way = new ReportWay(clock);
  }

  /** Stream milliseconds gained per real millisecond; undefined until measured. */
  get drift(): number | undefined {
    return this.#drift;
  }

  /** The transit of a unit without any delay; infinite when no report counts. */
  get zeroMs(): number {
    return this.#fastestMs - this.#heldUpMs;
  }

  /** The delay that reports may not show, milliseconds; infinite without reports that count. */
  get hiddenMs(): number {
    return this.#fastestMs === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : this.#hiddenMs;
  }

  /** Lets the minimum grow by `ms`: the clocks drift apart. */
  grow(ms: number): void {
    this.#fastestMs += ms;
  }

  /** The stream's clock is another one from now on. */
  restart(): void {
    this.#forget();
    this.#before = undefined;
    this.#rateBase = undefined;
    this.#trusted = true;
  }

  /** @param transitMs Of the latest unit: it came by the same way at about the same time. */
  take(report: ClockReport, transitMs: number): void {
    const before = this.#before;
    this.#judgeRate(report);
    const related = Math.abs(transitMs - (report.arrivedMs - report.ptsMs)) <= UNRELATED_MS;
    const agrees = before === undefined || this.#agree(before, report);
    this.#before = report;
    this.#trusted = related && agrees;
    if (!this.#trusted) {
      this.#forget();
      return;
    }
    this.#measureDrift(report);
    this.#fastestMs = Math.min(this.#fastestMs, report.arrivedMs - report.ptsMs);
    this.#compare(report);
  }

  /** Reports that come sooner are left out: their stamps are inexact. */
  #judgeRate(report: ClockReport): void {
    this.#rateBase ??= report;
    if (report.arrivedMs - this.#rateBase.arrivedMs < RATE_BASE_MS) return;
    const wrong = isRateWrong(this.#rateBase, report);
    if (wrong !== undefined) this.#clock.judgeRate(wrong);
    this.#rateBase = report;
  }

  #forget(): void {
    this.#fastestMs = Number.POSITIVE_INFINITY;
    this.#way.restart();
    this.#heldUpMs = 0;
    this.#anchor = undefined;
  }

  /** Whether two reports belong to the same clocks. A wall clock that was set between them is noticed. */
  #agree(before: ClockReport, report: ClockReport): boolean {
    const wallMs = report.wallMs - before.wallMs;
    const stepMs = wallMs - (report.ptsMs - before.ptsMs);
    if (Math.abs(stepMs) <= Math.max(SAME_MS, Math.abs(wallMs) * DRIFT_LIMIT)) return true;
    const oursMs = report.arrivedMs - before.arrivedMs;
    const wayMs = oursMs - (report.ptsMs - before.ptsMs);
    // The wall clock ran as ours did, rather than the stream's.
    if (Math.abs(wayMs) > SAME_WAY_MS || Math.abs(oursMs - wallMs) <= Math.abs(wayMs)) return false;
    // The stream's clock ran on, so the wall clock was set.
    this.#clock.set(stepMs);
    this.#way.set(stepMs);
    return true;
  }

  /** With the round trip, and with what earlier connections have shown: is something held up that no report shows? */
  #compare({ arrivedMs, wallMs, roundTripMs = Number.POSITIVE_INFINITY }: ClockReport): void {
    const wayMs = roundTripMs <= SHORT_WAY_MS ? 0 : roundTripMs;
    const excess = this.#way.take(arrivedMs, wallMs, wayMs === 0) ?? 0;
    this.#heldUpMs = 0;
    this.#hiddenMs = Math.max(wayMs, excess <= JITTER_MS ? 0 : excess);
    if (excess <= HELD_UP_MS) return;
    // A slow way explains it. Otherwise a relay holds both up, or the clock was set while nobody looked.
    if (roundTripMs * 2 >= excess && roundTripMs !== Number.POSITIVE_INFINITY) {
      this.#heldUpMs = excess;
      this.#hiddenMs = 0;
    } else this.#hiddenMs = Math.max(wayMs, excess + HELD_UP_MS);
  }

  #measureDrift(report: ClockReport): void {
    const anchor = this.#anchor;
    const wallMs = anchor ? report.wallMs - anchor.wallMs : 0;
    const streamMs = anchor ? report.ptsMs - anchor.ptsMs : 0;
    // One of the clocks was set: the comparison starts again from here.
    if (!anchor || wallMs < 0 || Math.abs(streamMs - wallMs) > Math.max(SAME_MS, wallMs * DRIFT_LIMIT)) {
      this.#anchor = report;
      return;
    }
    if (wallMs < DRIFT_BASE_MS) return;
    this.#drift = streamMs / wallMs - 1;
  }
}

/**
 * Whether the wall clock ran as ours did between two reports, and the stream's clock did not. Undefined: neither ran as ours,
 * so that nothing is known.
 */
function isRateWrong(before: ClockReport, report: ClockReport): boolean | undefined {
  const oursMs = report.arrivedMs - before.arrivedMs;
  const wallMs = report.wallMs - before.wallMs;
  const streamMs = report.ptsMs - before.ptsMs;
  if (isNear(streamMs, wallMs) || isNear(streamMs, oursMs)) return false;
  return isNear(wallMs, oursMs) ? true : undefined;
}

function isNear(ms: number, expectedMs: number): boolean {
  return Math.abs(ms - expectedMs) <= Math.abs(expectedMs) * WRONG_RATE;
}
