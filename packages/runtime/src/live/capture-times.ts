import { type Clock, every, type Timer } from '@vigia/base';
import type { TapItem } from '#core/encoded';

/**
 * Viewers learn this often when the pictures were captured, also while none come, so that they know that this end is there; and
 * at once when that is another time than they can compute.
 */
const TIMES_MS = 1_000;
const OFF_MS = 0.5;
/** Units of a stamp in a millisecond: 90 kHz. */
const TICKS_PER_MS = 90;

/** When the picture with this stamp was captured. Monotonic milliseconds. */
interface CaptureTime {
  readonly stamp: number;
  readonly capturedMs: number;
}

/** What a viewer hears: a stamp, and when the picture with it was captured (RFC 3339, UTC). */
export interface PictureTime {
  readonly rtp: number;
  readonly captured_at: string;
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
    { arrivedMs, latenessMs }: Pick<Extract<TapItem, { kind: 'video' }>, 'arrivedMs' | 'latenessMs'>,
  ): void {
    const capturedMs = arrivedMs - latenessMs;
    const said = this.#said;
    const expectedMs = said ? said.capturedMs + ((stamp - said.stamp) | 0) / TICKS_PER_MS : Number.NaN;
    this.#newest = { stamp, capturedMs };
    if (!(Math.abs(expectedMs - capturedMs) < OFF_MS)) this.say();
  }

  /** Sends the newest time, if there is one. */
  say(): void {
    if (!this.#newest) return;
    this.#said = this.#newest;
    const { stamp: rtp, capturedMs } = this.#newest;
    const captured_at = new Date(this.#clock.wallMs() - (this.#clock.nowMs() - capturedMs)).toISOString();
    this.#send({ rtp, captured_at });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
