import type { Clock } from '@vigia/base';
import type { ActiveFault, FaultBoard } from '#simulated-camera/faults';

/** Frames of a session before a mid-stream fault. */
const MID_STREAM_UNITS = 10;

/** Deviation of a session's RTP time: `drift` and `pts-jump`. Deviations persist. */
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

  /** Milliseconds that RTP time is ahead; call it for every frame. */
  skewMs(): number {
    const nowMs = this.#clock.nowMs();
    const ppm = this.#faults.get('drift')?.value ?? 0;
    this.#skewMs += ((nowMs - this.#lookedMs) * ppm) / 1e6;
    this.#lookedMs = nowMs;
    return this.#skewMs;
  }

  /** Jumps before a frame, if a jump is requested and still due. @param sent Frames before it. */
  beforeUnit(sent: number): void {
    const fault = this.#faults.get('pts-jump');
    if (!fault || fault === this.#jumpedFor || sent < MID_STREAM_UNITS) return;
    this.#jumpedFor = fault;
    this.#skewMs += fault.value;
  }
}
