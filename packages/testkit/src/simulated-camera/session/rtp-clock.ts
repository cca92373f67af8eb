import type { Clock } from '@vigia/base';
import type { ActiveFault, FaultBoard } from '#simulated-camera/faults';

/** Pictures of a session before something happens to it in mid-stream. */
const MID_STREAM_UNITS = 10;

/** How far the RTP time of a session is from where it should be: `drift` and `pts-jump`. What was added stays. */
export class RtpClock {
  readonly #clock: Clock;
  readonly #faults: FaultBoard;
  #skewMs = 0;
  #lookedMs: number;
  #jumpedFor: ActiveFault | undefined;

  constructor(clock: Clock, faults: FaultBoard) {
    this.#clock = clock;
    this.#faults = faults;
    this.#lookedMs = clock.nowMs();
  }

  /** Milliseconds that RTP time is ahead; to be called for every picture. */
  skewMs(): number {
    const nowMs = this.#clock.nowMs();
    const ppm = this.#faults.get('drift')?.value ?? 0;
    this.#skewMs += ((nowMs - this.#lookedMs) * ppm) / 1e6;
    this.#lookedMs = nowMs;
    return this.#skewMs;
  }

  /** Before a picture is sent: jumps, if that is asked for and has not been done. @param sent Pictures before it. */
  beforeUnit(sent: number): void {
    const fault = this.#faults.get('pts-jump');
    if (!fault || fault === this.#jumpedFor || sent < MID_STREAM_UNITS) return;
    this.#jumpedFor = fault;
    this.#skewMs += fault.value;
  }
}
