import type { Clock, Timer } from '@vigia/base';
import { type Clip, TICKS_PER_MS } from './clip.ts';
import { isVcl } from './nal.ts';
import { type Pacing, type PlayedUnit, Player } from './player.ts';
import { senderReportPacket } from './rtcp.ts';
import { RtpPacketizer } from './rtp-packetizer.ts';
import { VIDEO_PAYLOAD_TYPE } from './sdp.ts';
import { sendTimeSei } from './sei.ts';
import type { LoopTimeline } from './timeline.ts';
import type { MediaTransport } from './transport.ts';

/** One access unit that was given to the network. */
export interface SentUnit {
  readonly sessionId: string;
  /** Position in the clip, from 0. */
  readonly index: number;
  /** Units that the session had before this one since its last PLAY, dropped ones and all rounds included. */
  readonly counter: number;
  readonly keyframe: boolean;
  /** As on the wire: 90 kHz, 0..2^32-1. */
  readonly rtpTime: number;
  /** CLOCK_MONOTONIC nanoseconds, the value in the SEI message. */
  readonly sentMonotonicNs: bigint;
  /** On the wire, framing included. */
  readonly bytes: number;
}

/** Input of a {@link MediaSession}. */
export interface SessionOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly clip: Clip;
  readonly timeline: LoopTimeline;
  readonly pacing: Pacing;
  /** When the camera's own round began, `clock.nowMs`: the session joins it. Undefined: a round of its own. */
  readonly sharedEpochMs: number | undefined;
  readonly stampSendTime: boolean;
  readonly maxPayloadBytes: number;
  /** Above this many waiting bytes units are dropped. */
  readonly maxBacklogBytes: number;
  /** Uniform integers in 0..2^32-1. */
  readonly random32: () => number;
  readonly onUnit: (unit: SentUnit) => void;
  readonly onDropped: () => void;
  /** RTCP was sent: its bytes on the wire. */
  readonly onReport: (bytes: number) => void;
}

const REPORT_INTERVAL_MS = 5_000;
const CNAME = 'simulated-camera';

/**
 * One client's stream, from SETUP to TEARDOWN: packets, time stamps, sender reports. Owns its player and its timer, but
 * not the transport's socket.
 */
export class MediaSession {
  readonly id: string;
  readonly ssrc: number;
  readonly #options: SessionOptions;
  readonly #packetizer: RtpPacketizer;
  #transport: MediaTransport;
  #rtpBase: number;
  #player: Player | undefined;
  /** The stopped player before a PAUSE: it still knows its times. */
  #paused: Player | undefined;
  #reportTimer: Timer | undefined;
  #frozen = false;
  #awaitingKeyframe = false;
  #firstCounter = 0;
  #lastSent: SentUnit | undefined;

  constructor(transport: MediaTransport, options: SessionOptions) {
    this.id = options.id;
    this.#transport = transport;
    this.#options = options;
    this.ssrc = options.random32();
    this.#rtpBase = options.random32();
    const { maxPayloadBytes } = options;
    const firstSequence = options.random32() & 0xffff;
    this.#packetizer = new RtpPacketizer({
      payloadType: VIDEO_PAYLOAD_TYPE,
      ssrc: this.ssrc,
      firstSequence,
      maxPayloadBytes,
    });
  }

  get playing(): boolean {
    return this.#player !== undefined;
  }

  /** Value of the `Transport` header. */
  get transportHeader(): string {
    return `${this.#transport.description};ssrc=${this.ssrc.toString(16).toUpperCase().padStart(8, '0')}`;
  }

  /** Another SETUP before PLAY. */
  replaceTransport(transport: MediaTransport): void {
    this.#transport = transport;
  }

  /** Sequence number and RTP time of what {@link begin} sends first. Call once per PLAY, before it. */
  prepare(): { readonly sequence: number; readonly rtpTime: number } {
    const { clock, timeline, pacing, sharedEpochMs } = this.#options;
    const nowMs = clock.nowMs();
    // After PAUSE, RTP time goes on as if it had not been. On the camera's shared round it does so by itself.
    if (this.#paused && !this.#joinsSharedRound()) this.#rtpBase = this.#wireTime(this.#paused.endRtpTicks);
    this.#paused = undefined;
    const joins = this.#joinsSharedRound();
    const epochMs = joins ? (sharedEpochMs ?? nowMs) : nowMs;
    this.#firstCounter = joins ? timeline.keyframeAtOrAfter((nowMs - epochMs) * TICKS_PER_MS) : 0;
    const onUnit = (unit: PlayedUnit): void => this.#send(unit);
    this.#player = new Player({ clock, timeline, pacing, epochMs, firstCounter: this.#firstCounter, onUnit });
    return { sequence: this.#packetizer.nextSequence, rtpTime: this.#wireTime(this.#player.nextRtpTicks) };
  }

  /** Begins to send; a keyframe that is due is sent before this returns. */
  begin(): void {
    this.#player?.start();
  }

  /** Ends the play: the next one continues sequence numbers and RTP time. */
  pause(): void {
    this.#paused = this.#player ?? this.#paused;
    this.#stop();
  }

  /** Sends nothing at all until {@link thaw}; not even reports. */
  freeze(): void {
    this.#frozen = true;
    this.#player?.freeze();
  }

  thaw(): void {
    this.#frozen = false;
    this.#player?.resume();
  }

  /** In lock-step: sends the next unit and returns it; undefined when it was not sent (not playing, frozen, dropped). */
  step(): SentUnit | undefined {
    this.#lastSent = undefined;
    this.#player?.step();
    return this.#lastSent;
  }

  /** Twice is fine. */
  close(): void {
    this.#stop();
  }

  #joinsSharedRound(): boolean {
    return this.#options.pacing === 'real-time' && this.#options.sharedEpochMs !== undefined;
  }

  #stop(): void {
    this.#player?.stop();
    this.#player = undefined;
    this.#reportTimer?.cancel();
    this.#reportTimer = undefined;
  }

  #wireTime(ticks: number): number {
    return (this.#rtpBase + ticks) % 2 ** 32;
  }

  #send(played: PlayedUnit): void {
    const { clock, onDropped, onUnit } = this.#options;
    if (this.#mustDrop(played.unit.keyframe)) {
      onDropped();
      return;
    }
    const sentMonotonicNs = BigInt(Math.round(clock.nowMs() * 1e6));
    const rtpTime = this.#wireTime(played.rtpTicks);
    const bytes = this.#transport.sendRtp(this.#packetizer.packetize(this.#nalsOf(played, sentMonotonicNs), rtpTime));
    const { index, keyframe } = played.unit;
    const counter = played.counter - this.#firstCounter;
    const sent: SentUnit = { sessionId: this.id, index, counter, keyframe, rtpTime, sentMonotonicNs, bytes };
    this.#lastSent = sent;
    if (!this.#reportTimer) this.#report();
    onUnit(sent);
  }

  // A camera does not queue for ever: a client that does not read loses whole units, until a picture that needs no other.
  #mustDrop(keyframe: boolean): boolean {
    if (this.#transport.backlogBytes > this.#options.maxBacklogBytes) this.#awaitingKeyframe = true;
    else if (keyframe) this.#awaitingKeyframe = false;
    return this.#awaitingKeyframe;
  }

  #nalsOf({ unit }: PlayedUnit, sentMonotonicNs: bigint): Buffer[] {
    const { clip, stampSendTime } = this.#options;
    const firstVcl = unit.nals.findIndex(isVcl);
    const at = firstVcl < 0 ? unit.nals.length : firstVcl;
    return [
      ...(unit.keyframe ? clip.parameterSets : []),
      ...unit.nals.slice(0, at),
      ...(stampSendTime ? [sendTimeSei(sentMonotonicNs)] : []),
      ...unit.nals.slice(at),
    ];
  }

  #report(): void {
    const { clock, maxBacklogBytes, onReport } = this.#options;
    const ticks = this.#player?.nowRtpTicks;
    if (ticks === undefined) return;
    this.#reportTimer = clock.after(REPORT_INTERVAL_MS, () => this.#report());
    if (this.#frozen || this.#transport.backlogBytes > maxBacklogBytes) return;
    const { packets, octets } = this.#packetizer;
    const report = { ssrc: this.ssrc, wallMs: clock.wallMs(), rtpTime: this.#wireTime(ticks), packets, octets };
    onReport(this.#transport.sendRtcp(senderReportPacket(report, CNAME)));
  }
}
