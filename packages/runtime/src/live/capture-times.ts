import { type Clock, every, type Timer } from '@vigia/base';
import type { TappedVideo } from '#core/encoded';

/**
 * Viewers learn this often when the pictures were captured, also while none come, so that they know that this end is there; and
 * at once when that is another time than they can compute, or is certain or not from now on.
 */
const TIMES_MS = 1_000;
const OFF_MS = 0.5;
/** Units of a stamp in a millisecond: 90 kHz. */
const TICKS_PER_MS = 90;

/** When the picture with this stamp was captured, at the latest unless that is certain. Monotonic milliseconds. */
interface CaptureTime {
  readonly stamp: number;
  readonly capturedMs: number;
  readonly isCertain: boolean;
}

/** What a viewer hears: a stamp, and when the picture with it was captured (RFC 3339, UTC). */
export interface PictureTime {
  readonly rtp: number;
  readonly captured_at: string;
  /** As in results. False: it may have been captured earlier. */
  readonly age_certain: boolean;
}

/** Says to one viewer when the pictures were captured. */
export class CaptureTimes {
  readonly #clock: Clock;
  readonly #send: (time: PictureTime) => void;
  #timer: Timer | undefined;
  /** Of the newest picture; and what the viewer heard last. */
  #newest: CaptureTime | undefined;
  #said: CaptureTime | undefined;

  constructor(clock: Clock, send: (time: PictureTime) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** From now on a time is sent each second. */
  start(): void {
    this.#timer = every(this.#clock, TIMES_MS, () => this.say());
  }

  /** A picture with this stamp was sent. */
  note(
    stamp: number,
    { arrivedMs, latenessMs, hiddenMs }: Pick<TappedVideo, 'arrivedMs' | 'latenessMs' | 'hiddenMs'>,
  ): void {
    const capturedMs = arrivedMs - latenessMs;
    const said = this.#said;
    const expectedMs = said ? said.capturedMs + ((stamp - said.stamp) | 0) / TICKS_PER_MS : Number.NaN;
    const isCertain = hiddenMs === 0;
    this.#newest = { stamp, capturedMs, isCertain };
    if (!(Math.abs(expectedMs - capturedMs) < OFF_MS) || said?.isCertain !== isCertain) this.say();
  }

  /** Sends the newest time, if there is one. */
  say(): void {
    if (!this.#newest) return;
    this.#said = this.#newest;
    const { stamp: rtp, capturedMs, isCertain } = this.#newest;
    const captured_at = new Date(this.#clock.wallMs() - (this.#clock.nowMs() - capturedMs)).toISOString();
    this.#send({ rtp, captured_at, age_certain: isCertain });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
