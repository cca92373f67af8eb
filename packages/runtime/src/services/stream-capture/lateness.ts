import { RtpTimeline } from '#core/media/rtsp';

/** What one unit's time stamp says. */
export interface UnitTiming {
  /** Milliseconds that the unit came later than the fastest one did: time spent in queues, ours or others'. */
  readonly latenessMs: number;
  /** The stream's own clock, milliseconds, without wraps. */
  readonly ptsMs: number;
}

/**
 * How fast the fastest way may seem to slow down: cameras' crystals differ from ours by up to about 100 ppm, and a clock
 * that runs slow must not look like growing lateness. A backlog could hide behind this at 0.2 ms per second: a TCP
 * connection that is read all the time cannot have one for long.
 */
const DRIFT_ALLOWANCE = 200e-6;
/** A step back of more than this is a new clock, not reordering (B-frames step back by a few intervals). */
const CLOCK_RESET_MS = 1_000;

/**
 * Lateness is the excess of (arrival − RTP time) over its running minimum, so that a backlog in a socket cannot pass for
 * fresh. The camera's wall clock is never used. One instance per connection.
 */
export class Lateness {
  readonly #ticksPerMs: number;
  readonly #timeline = new RtpTimeline();
  #fastestMs = Number.POSITIVE_INFINITY;
  #lastArrivedMs = 0;
  #newestPtsMs = Number.NEGATIVE_INFINITY;

  /** @param clockRate Ticks per second of the RTP time stamps. */
  constructor(clockRate: number) {
    this.#ticksPerMs = clockRate / 1000;
  }

  /** Judges a unit. To be called in order of arrival. */
  observe(rtpTime: number, arrivedMs: number): UnitTiming {
    const ptsMs = this.#timeline.unwrap(rtpTime) / this.#ticksPerMs;
    if (ptsMs < this.#newestPtsMs - CLOCK_RESET_MS) {
      this.#fastestMs = Number.POSITIVE_INFINITY;
      this.#newestPtsMs = ptsMs;
    }
    const transitMs = arrivedMs - ptsMs;
    if (this.#fastestMs !== Number.POSITIVE_INFINITY)
      this.#fastestMs += (arrivedMs - this.#lastArrivedMs) * DRIFT_ALLOWANCE;
    this.#fastestMs = Math.min(this.#fastestMs, transitMs);
    this.#lastArrivedMs = arrivedMs;
    this.#newestPtsMs = Math.max(this.#newestPtsMs, ptsMs);
    return { latenessMs: transitMs - this.#fastestMs, ptsMs };
  }
}
