import type { Clock } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import type { MediaTransport } from '#simulated-camera/transport';

/** What the first packet after PLAY will carry. */
export interface StreamStart {
  readonly ssrc: number;
  readonly sequence: number;
  readonly rtpTime: number;
}

/** One track of a session: its packets and reports. Owns its timers, not the transport. */
export interface Stream {
  readonly ssrc: number;
  /** Another SETUP before PLAY. */
  replaceTransport(transport: MediaTransport): void;
  /** What {@link begin} sends first. Call once per PLAY, before it. */
  prepare(): StreamStart;
  /** Begins to send; what is due is sent before this returns. */
  begin(): void;
  /** Ends the play: the next one continues sequence numbers and RTP time. */
  pause(): void;
  /** Sends nothing at all until {@link thaw}; not even reports. */
  freeze(): void;
  thaw(): void;
  /** Says goodbye by RTCP. */
  bye(): void;
  /** Twice is fine. */
  close(): void;
}

/** What all streams need. */
export interface StreamOptions {
  readonly clock: Clock;
  readonly faults: FaultBoard;
  /** Above this many waiting bytes nothing is sent. */
  readonly maxBacklogBytes: number;
  /** Uniform integers in 0..2^32-1. */
  readonly random32: () => number;
  /** Whether reports of a track that nobody set up are sent too. */
  readonly strangeReports: boolean;
  /** RTCP was sent: its bytes on the wire. */
  readonly onReport: (bytes: number) => void;
}

/** A value as it fits into an RTP time stamp. */
export function wrap32(ticks: number): number {
  return ((ticks % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** A track that the session description has and the camera never feeds, such as a vendor's metadata. */
export class IdleStream implements Stream {
  readonly ssrc: number;
  readonly #start: StreamStart;

  constructor(random32: () => number) {
    this.ssrc = random32();
    this.#start = { ssrc: this.ssrc, sequence: random32() & 0xffff, rtpTime: random32() };
  }

  replaceTransport(): void {
    // Nothing is sent.
  }

  prepare(): StreamStart {
    return this.#start;
  }

  begin(): void {
    // Nothing is sent.
  }

  pause(): void {
    // Nothing is sent.
  }

  freeze(): void {
    // Nothing is sent.
  }

  thaw(): void {
    // Nothing is sent.
  }

  bye(): void {
    // Nothing is sent.
  }

  close(): void {
    // Nothing is owned.
  }
}
