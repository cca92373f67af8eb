import { type CameraClock, DRIFT } from './camera-clock.ts';

/** More than this beyond what is known is not a way through a network: the clock was set. Milliseconds. */
const SET_MS = 60_000;
/** Reports of this time are looked at together: the fastest of them shows where the camera's clock is. Milliseconds. */
const WINDOW_MS = 60_000;

/**
 * How much longer the sender reports of one connection take than the fastest ones of all connections of the camera. The
 * wall clock may drift from ours: while the connection lasts, the drift is measured, so that neither hours of it look like a
 * way that became longer, nor a way that is longer is forgotten as if it were drift. A step is no drift.
 */
export class ReportWay {
  readonly #clock: CameraClock;
  /** Least arrival minus wall time, as of the first report of the connection; undefined: nothing is known. Milliseconds. */
  #knownMs: number | undefined;
  #excessMs = Number.POSITIVE_INFINITY;
  /** The least of the last whole window and of the present one. Milliseconds. */
  #lastMs = Number.NaN;
  #leastMs = Number.POSITIVE_INFINITY;
  /** When the first one began, the last whole one, and the present one. Milliseconds. */
  #beganMs = Number.NaN;
  #lastBeganMs = 0;
  #windowMs = 0;
  /** From the first window to the last whole one. Milliseconds. */
  #driftedMs = 0;

  /** @param clock Of the camera; outlives the connection. */
  constructor(clock: CameraClock) {
    this.#clock = clock;
  }

  /**
   * How much longer the fastest report of the connection took than the fastest known one, milliseconds, 0 or more.
   * Undefined: nothing is known.
   *
   * @param unhindered Whether the way is known to be short: the first report of a camera counts only then.
   */
  take(arrivedMs: number, wallMs: number, unhindered: boolean): number | undefined {
    const wayMs = arrivedMs - wallMs;
    this.#observe(arrivedMs, wayMs);
    const driftMs = this.#driftMs(arrivedMs);
    if (this.#knownMs !== undefined && wayMs - this.#knownMs - driftMs > SET_MS) this.#knownMs = undefined;
    if (this.#knownMs === undefined) {
      if (!unhindered) return undefined;
      this.#knownMs = wayMs - driftMs;
    }
    this.#knownMs = Math.min(this.#knownMs, wayMs - driftMs);
    this.#excessMs = Math.min(this.#excessMs, wayMs - driftMs - this.#knownMs);
    this.#clock.learn(arrivedMs, this.#knownMs + driftMs);
    return this.#excessMs;
  }

  /** The wall clock was set forward by so many milliseconds (back, if negative). */
  set(forwardMs: number): void {
    if (this.#knownMs !== undefined) this.#knownMs -= forwardMs;
    this.#lastMs -= forwardMs;
    this.#leastMs -= forwardMs;
  }

  /** The next report begins a comparison of its own. */
  restart(): void {
    this.#beganMs = Number.NaN;
  }

  #observe(arrivedMs: number, wayMs: number): void {
    if (Number.isNaN(this.#beganMs)) this.#begin(arrivedMs);
    else if (arrivedMs - this.#windowMs >= WINDOW_MS) this.#endWindow(arrivedMs);
    this.#leastMs = Math.min(this.#leastMs, wayMs);
  }

  #begin(arrivedMs: number): void {
    this.#knownMs = this.#clock.leastAt(arrivedMs);
    this.#excessMs = Number.POSITIVE_INFINITY;
    this.#lastMs = Number.NaN;
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#beganMs = arrivedMs;
    this.#lastBeganMs = arrivedMs;
    this.#windowMs = arrivedMs;
    this.#driftedMs = 0;
  }

  #endWindow(arrivedMs: number): void {
    const stepMs = this.#leastMs - this.#lastMs;
    if (Math.abs(stepMs) <= (this.#windowMs - this.#lastBeganMs) * DRIFT) this.#driftedMs += stepMs;
    this.#lastMs = this.#leastMs;
    this.#lastBeganMs = this.#windowMs;
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#windowMs = arrivedMs;
  }

  /** By which the wall clock has drifted from ours since the connection began. */
  #driftMs(arrivedMs: number): number {
    const knownForMs = this.#lastBeganMs - this.#beganMs;
    return knownForMs > 0 ? (this.#driftedMs / knownForMs) * (arrivedMs - this.#beganMs) : 0;
  }
}
