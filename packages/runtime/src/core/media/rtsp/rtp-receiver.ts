import type { RtpHeader } from './rtp.ts';

/**
 * Statistics about one RTP stream, for receiver reports (RFC 3550, 6.4.1, A.3 and A.8). Allocates nothing per packet.
 */
export class RtpReceiver {
  readonly #ticksPerMs: number;
  #ssrc = 0;
  #first = -1;
  #highest = 0;
  #cycles = 0;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #transit = Number.NaN;
  #jitter = 0;

  /** @param clockRate Ticks per second of the time stamps. */
  constructor(clockRate: number) {
    this.#ticksPerMs = clockRate / 1000;
  }

  get ssrc(): number {
    return this.#ssrc;
  }

  /** With the number of wraps in the upper 16 bits. */
  get highestSequence(): number {
    return this.#cycles * 65_536 + this.#highest;
  }

  /** Packets lost so far. A duplicate reduces the number by one. */
  get lost(): number {
    return this.#first < 0 ? 0 : this.#expected - this.#received;
  }

  /** Interarrival jitter, in ticks. */
  get jitterTicks(): number {
    return Math.round(this.#jitter);
  }

  observe(header: RtpHeader, readMs: number): void {
    if (this.#first < 0 || header.ssrc !== this.#ssrc) this.#restart(header);
    const step = (header.sequence - this.#highest) & 0xffff;
    if (step < 0x8000) {
      if (header.sequence < this.#highest) this.#cycles += 1;
      this.#highest = header.sequence;
    }
    this.#received += 1;
    const transit = readMs * this.#ticksPerMs - header.timestamp;
    const difference = Math.abs(transit - this.#transit);
    // A wrap or a jump of the clock is not jitter.
    if (difference < 0x1000_0000) this.#jitter += (difference - this.#jitter) / 16;
    this.#transit = transit;
  }

  /** Share of packets lost since the last call, in 256ths. */
  takeFractionLost(): number {
    const expected = this.#expected - this.#expectedBefore;
    const received = this.#received - this.#receivedBefore;
    this.#expectedBefore = this.#expected;
    this.#receivedBefore = this.#received;
    const lost = expected - received;
    return expected <= 0 || lost <= 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected));
  }

  get #expected(): number {
    return this.#first < 0 ? 0 : this.highestSequence - this.#first + 1;
  }

  #restart(header: RtpHeader): void {
    this.#ssrc = header.ssrc;
    this.#first = header.sequence;
    this.#highest = header.sequence;
    this.#cycles = 0;
    this.#received = 0;
    this.#expectedBefore = 0;
    this.#receivedBefore = 0;
    this.#transit = Number.NaN;
    this.#jitter = 0;
  }
}
