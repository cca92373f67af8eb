import type { Clock } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import type { MediaTransport } from '#simulated-camera/transport';

/** Fields of the first packet after PLAY. */
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
  /** The first packet of {@link begin}. Call once per PLAY, before it. */
  prepare(): StreamStart;
  /** Starts sending; due units are sent before this returns. */
  begin(): void;
  /** Ends playing: the next PLAY continues sequence numbers and RTP time. */
  pause(): void;
  /** Stops sending, including reports, until {@link thaw}. */
  freeze(): void;
  thaw(): void;
  /** Sends RTCP BYE. */
  bye(): void;
  /** Idempotent. */
  close(): void;
}

/** Parameters of all streams. */
export interface StreamOptions {
  readonly clock: Clock;
  readonly faults: FaultBoard;
  /** Waiting bytes above which nothing is sent. */
  readonly maxBacklogBytes: number;
  /** Uniform integers in 0..2^32-1. */
  readonly random32: () => number;
  /** Whether reports of a track without SETUP are sent too. */
  readonly strangeReports: boolean;
  /** RTCP was sent: its bytes on the wire. */
  readonly onReport: (bytes: number) => void;
}

/** A value modulo the range of an RTP time stamp. */
export function wrap32(ticks: number): number {
  return ((ticks % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** A track of the session description that the camera never feeds, such as a vendor's metadata. */
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
