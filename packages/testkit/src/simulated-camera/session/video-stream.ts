import {
  type Clip,
  type LoopTimeline,
  nalRole,
  type Packetization,
  type Pacing,
  type PlayedUnit,
  Player,
  RtpPacketizer,
  sendTimeSei,
  TICKS_PER_MS,
} from '#simulated-camera/media';
import type { MediaTransport } from '#simulated-camera/transport';
import type { RtpClock } from './rtp-clock.ts';
import { SenderReports } from './sender-reports.ts';
import { type Stream, type StreamOptions, type StreamStart, wrap32 } from './stream.ts';

/** One access unit that was sent. */
export interface SentUnit {
  readonly sessionId: string;
  /** Position in the clip, from 0. */
  readonly index: number;
  /** Units of the session before this one since its last PLAY, dropped ones and all rounds included. */
  readonly counter: number;
  readonly keyframe: boolean;
  /** As on the wire: 90 kHz, 0..2^32-1. */
  readonly rtpTime: number;
  /** CLOCK_MONOTONIC nanoseconds, the value in the SEI message. */
  readonly sentMonotonicNs: bigint;
  /** On the wire, framing included. */
  readonly bytes: number;
}

/** Where parameter sets are, apart from the description: in front of keyframes, in front of all pictures, nowhere. */
export const PARAMETER_SETS = ['keyframes', 'pictures', 'description'] as const;
/** One of {@link PARAMETER_SETS}. */
export type ParameterSetPlace = (typeof PARAMETER_SETS)[number];

/** A clip as a session plays it. The camera has one object per clip, and keeps it while the clip is unchanged. */
export interface PlayedClip {
  readonly clip: Clip;
  readonly timeline: LoopTimeline;
  readonly payloadType: number;
}

/** Input of a {@link VideoStream}. */
export interface VideoStreamOptions extends StreamOptions {
  readonly sessionId: string;
  /** The camera's current clip; queried before every keyframe. */
  readonly current: () => PlayedClip;
  readonly rtpClock: RtpClock;
  readonly pacing: Pacing;
  /** Start of the camera's own round, `clock.nowMs`, which the session joins. Undefined: the session has its own. */
  readonly sharedEpochMs: number | undefined;
  readonly stampSendTime: boolean;
  readonly parameterSets: ParameterSetPlace;
  readonly packetization: Packetization;
  readonly maxPayloadBytes: number;
  readonly onUnit: (unit: SentUnit) => void;
  readonly onDropped: () => void;
  /** A keyframe was suppressed by a fault. */
  readonly onWithheld: () => void;
}

/** The video of one session: packets, time stamps, sender reports. */
export class VideoStream implements Stream {
  readonly ssrc: number;
  readonly #options: VideoStreamOptions;
  readonly #packetizer: RtpPacketizer;
  readonly #reports: SenderReports;
  #transport: MediaTransport;
  #played: PlayedClip;
  #rtpBase: number;
  #player: Player | undefined;
  /** The stopped player before a PAUSE: its times are still needed. */
  #paused: Player | undefined;
  #awaitingKeyframe = false;
  #firstCounter = 0;
  /** Units before the current clip, since PLAY. */
  #counterBase = 0;
  #begunMs = 0;
  #sent = 0;
  #lastSent: SentUnit | undefined;

  constructor(transport: MediaTransport, options: VideoStreamOptions) {
    const { random32, maxPayloadBytes, packetization } = options;
    this.#transport = transport;
    this.#options = options;
    this.#played = options.current();
    this.ssrc = random32();
    this.#rtpBase = random32();
    const { payloadType } = this.#played;
    const firstSequence = random32() & 0xffff;
    const { ssrc } = this;
    this.#packetizer = new RtpPacketizer({ payloadType, ssrc, firstSequence, maxPayloadBytes, packetization });
    this.#reports = new SenderReports(transport, {
      ...options,
      ssrc: this.ssrc,
      packetizer: this.#packetizer,
      rtpTimeNow: () => this.#rtpTimeNow(),
      strange: options.strangeReports,
    });
  }

  replaceTransport(transport: MediaTransport): void {
    this.#transport = transport;
    this.#reports.transport = transport;
  }

  prepare(): StreamStart {
    const { clock, sharedEpochMs, current } = this.#options;
    const nowMs = clock.nowMs();
    const joins = this.#joinsSharedRound();
    // After PAUSE, RTP time continues as if without interruption; on the camera's shared round it does so anyway.
    if (this.#paused && !joins) this.#rtpBase = this.#baseAt(this.#paused.endRtpTicks);
    this.#paused = undefined;
    this.#play(current());
    const epochMs = joins ? (sharedEpochMs ?? nowMs) : nowMs;
    this.#firstCounter = joins ? this.#played.timeline.keyframeAtOrAfter((nowMs - epochMs) * TICKS_PER_MS) : 0;
    this.#counterBase = 0;
    this.#begunMs = nowMs;
    this.#player = this.#newPlayer(epochMs, this.#firstCounter);
    const rtpTime = this.#wireTime(this.#player.nextRtpTicks);
    return { ssrc: this.ssrc, sequence: this.#packetizer.nextSequence, rtpTime };
  }

  begin(): void {
    this.#player?.start();
  }

  pause(): void {
    this.#paused = this.#player ?? this.#paused;
    this.close();
  }

  freeze(): void {
    this.#reports.frozen = true;
    this.#player?.freeze();
  }

  thaw(): void {
    this.#reports.frozen = false;
    this.#player?.resume();
  }

  /** In lock-step: sends the next unit and returns it; undefined when it was not sent (not playing, frozen, dropped). */
  step(): SentUnit | undefined {
    this.#lastSent = undefined;
    this.#player?.step();
    return this.#lastSent;
  }

  bye(): void {
    this.#reports.bye();
  }

  close(): void {
    this.#player?.stop();
    this.#player = undefined;
    this.#reports.stop();
  }

  #joinsSharedRound(): boolean {
    return this.#options.pacing === 'real-time' && this.#options.sharedEpochMs !== undefined;
  }

  #newPlayer(epochMs: number, firstCounter: number): Player {
    const { clock, pacing } = this.#options;
    const { timeline } = this.#played;
    return new Player({ clock, timeline, pacing, epochMs, firstCounter, onUnit: (unit) => this.#onUnit(unit) });
  }

  #play(next: PlayedClip): void {
    this.#played = next;
    this.#packetizer.change({ payloadType: next.payloadType, codec: next.clip.codec });
  }

  #wireTime(ticks: number): number {
    return wrap32(this.#rtpBase + ticks + Math.round(this.#options.rtpClock.skewMs() * TICKS_PER_MS));
  }

  /** The base at which `ticks` of the current player become 0 of the next. */
  #baseAt(ticks: number): number {
    return wrap32(this.#rtpBase + ticks);
  }

  #rtpTimeNow(): number | undefined {
    const ticks = this.#player?.nowRtpTicks;
    return ticks === undefined ? undefined : this.#wireTime(ticks);
  }

  #onUnit(played: PlayedUnit): void {
    const { current, onDropped, onWithheld } = this.#options;
    if (played.unit.keyframe) {
      if (this.#keyframesAreWithheld()) return onWithheld();
      const next = current();
      if (next !== this.#played) return this.#switchTo(next, played);
    }
    if (this.#mustDrop(played.unit.keyframe)) return onDropped();
    this.#send(played);
  }

  #keyframesAreWithheld(): boolean {
    const { clock, faults } = this.#options;
    const fault = faults.get('no-keyframes');
    return fault !== undefined && clock.nowMs() < Math.max(fault.sinceMs, this.#begunMs) + fault.value;
  }

  /** The other clip starts in place of `played`, at its time. */
  #switchTo(next: PlayedClip, played: PlayedUnit): void {
    const { clock, pacing } = this.#options;
    this.#player?.stop();
    this.#counterBase += played.counter - this.#firstCounter;
    this.#firstCounter = 0;
    if (pacing !== 'lock-step-elapsed') this.#rtpBase = this.#baseAt(played.rtpTicks);
    const epochMs = pacing === 'lock-step-elapsed' ? clock.nowMs() - played.rtpTicks / TICKS_PER_MS : clock.nowMs();
    this.#play(next);
    this.#player = this.#newPlayer(epochMs, 0);
    this.#player.start();
    this.#player.step();
  }

  // Bounded queue: a client that does not read loses whole units, until one that depends on no other.
  #mustDrop(keyframe: boolean): boolean {
    if (this.#transport.backlogBytes > this.#options.maxBacklogBytes) this.#awaitingKeyframe = true;
    else if (keyframe) this.#awaitingKeyframe = false;
    return this.#awaitingKeyframe;
  }

  #send(played: PlayedUnit): void {
    const { clock, rtpClock, sessionId, onUnit } = this.#options;
    rtpClock.beforeUnit(this.#sent);
    const sentMonotonicNs = BigInt(Math.round(clock.nowMs() * 1e6));
    const rtpTime = this.#wireTime(played.rtpTicks);
    const bytes = this.#transport.sendRtp(this.#packetizer.packetize(this.#nalsOf(played, sentMonotonicNs), rtpTime));
    const { index, keyframe } = played.unit;
    const counter = this.#counterBase + played.counter - this.#firstCounter;
    const sent: SentUnit = { sessionId, index, counter, keyframe, rtpTime, sentMonotonicNs, bytes };
    this.#sent += 1;
    this.#lastSent = sent;
    this.#reports.start();
    onUnit(sent);
  }

  #nalsOf({ unit }: PlayedUnit, sentMonotonicNs: bigint): Buffer[] {
    const { stampSendTime, parameterSets } = this.#options;
    const { clip } = this.#played;
    const firstVcl = unit.nals.findIndex((nal) => nalRole(nal, clip.codec) === 'slice');
    const at = firstVcl < 0 ? unit.nals.length : firstVcl;
    const hasSets = parameterSets === 'pictures' || (parameterSets === 'keyframes' && unit.keyframe);
    return [
      ...(hasSets ? clip.parameterSets : []),
      ...unit.nals.slice(0, at),
      ...(stampSendTime ? [sendTimeSei(sentMonotonicNs, clip.codec)] : []),
      ...unit.nals.slice(at),
    ];
  }
}
