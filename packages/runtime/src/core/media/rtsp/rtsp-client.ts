import { randomBytes } from 'node:crypto';
import { type Clock, every, quoted, type Timer } from '@vigia/base';
import {
  type AudioFormat,
  DEFAULT_TIMEOUTS,
  type Source,
  SourceError,
  type SourceFormat,
  type SourceOptions,
  type SourceTimeouts,
} from '#core/media';
import { audioFormatOf, readAudioPayload } from './audio-payload.ts';
import { KeepAlivePace } from './keep-alive-pace.ts';
import { H264, H265, type NalFormat } from './nal-format.ts';
import { parseRtcp, type SenderReport } from './rtcp.ts';
import { RtpTrack } from './rtp-track.ts';
import { RtspConnection } from './rtsp-connection.ts';
import type { RtspMessage } from './rtsp-stream-parser.ts';
import { parseRtspUrl, type RtspUrl } from './rtsp-url.ts';
import { parameterSetsOf, parseSdp, resolveControl, type Sdp, type SdpMedia } from './sdp.ts';
import { UdpPorts } from './udp-ports.ts';
import { VideoTrack } from './video-track.ts';

const WATCH_MS = 500;
const REPORT_MS = 5_000;
const FORMATS: Readonly<Record<string, NalFormat>> = { H264, H265, HEVC: H265 };
/** Consecutive packets with another payload type than negotiated, after which the camera has changed its codec. */
const OTHER_TYPE_LIMIT = 50;
/** Consecutive NAL units that are invalid for the codec. */
const FOREIGN_LIMIT = 50;
/** Survives the connections. */
const pace = new KeepAlivePace();

/** Came before the first unit. */
interface EarlyReport {
  readonly report: SenderReport;
  readonly readMs: number;
}

/**
 * Plays the video track of a camera over RTSP, and its audio on request: H.264 or H.265, interleaved in TCP, over TLS,
 * or as datagrams (RFC 2326, 3550, 6184, 7798, 3640).
 *
 * One connection, one session: `open` either plays or throws; after that, `onEnd` is called once when the session ends.
 * The caller reconnects. Nothing is queued here: a unit is delivered inside the read that completed it.
 */
export class RtspClient implements Source {
  readonly #o: SourceOptions;
  readonly #clock: Clock;
  readonly #address: RtspUrl;
  readonly #timeouts: SourceTimeouts;
  readonly #connection: RtspConnection;
  readonly #ownSsrc = randomBytes(4).readUInt32BE();
  readonly #overUdp: boolean;
  #video: VideoTrack | undefined;
  #audio: RtpTrack | undefined;
  #aggregateUrl: string;
  #keepAliveMethod: 'GET_PARAMETER' | 'OPTIONS' = 'OPTIONS';
  #sessionTimeoutMs = 60_000;
  #watch: Timer | undefined;
  /** `opening` until PLAY is answered, `playing` until the end. */
  #state: 'opening' | 'playing' | 'closed' = 'opening';
  #earlyReport: EarlyReport | undefined;
  #playedMs = 0;
  #suspected = false;
  #lastKeepAliveMs = 0;
  /** The longest time between two signs of life so far. */
  #longestPauseMs = 0;
  #lastReportMs = 0;

  private constructor(options: SourceOptions) {
    this.#o = options;
    this.#clock = options.clock;
    this.#address = parseRtspUrl(options.url);
    this.#overUdp = options.transport === 'udp';
    this.#aggregateUrl = this.#address.url;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    if (this.#overUdp && this.#address.secure) {
      const text = `${this.#address.name}: rtsps carries everything inside its connection; transport: tcp is needed`;
      throw new SourceError('refused', text);
    }
    this.#connection = new RtspConnection({
      address: this.#address,
      clock: options.clock,
      tls: options.tls ?? { verify: true },
      connectMs: this.#timeouts.connectMs,
      responseMs: this.#timeouts.responseMs,
      onInterleaved: (channel, packet, readMs) => this.#onInterleaved(channel, packet, readMs),
      onReadEnd: () => this.#o.onReadEnd?.(),
      onFailed: (reason) => this.#onFailed(reason),
    });
  }

  /**
   * Connects and plays.
   *
   * @throws SourceError with the reason, after closing the connection; the signal's reason when aborted.
   */
  static async open(options: SourceOptions, signal?: AbortSignal): Promise<RtspClient> {
    const client = new RtspClient(options);
    const onAbort = (): void => client.#connection.fail(new SourceError('ended', 'closed while connecting'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      await client.#connection.connect();
      await client.#handshake();
      signal?.throwIfAborted();
      // The answer to PLAY and the end of the connection may come in one read. `onEnd` has not been called then.
      if (client.#connection.failure) throw client.#connection.failure;
      client.#state = 'playing';
      client.#watch = every(options.clock, WATCH_MS, () => client.#check(options.clock.nowMs()));
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  get lostPackets(): number {
    return this.#video?.lostPackets ?? 0;
  }

  /** Closes the session. Sends TEARDOWN without waiting for its answer. Idempotent. */
  close(): void {
    this.#state = 'closed';
    this.#watch?.cancel();
    for (const track of [this.#video, this.#audio]) track?.close(this.#ownSsrc);
    this.#connection.close();
  }

  async #handshake(): Promise<void> {
    const connection = this.#connection;
    this.#keepAliveMethod = await this.#askKeepAliveMethod();
    const described = await connection.request('DESCRIBE', this.#address.url, { Accept: 'application/sdp' });
    const sdp = parseSdp(described.body);
    const base = baseOf(described, this.#address.url);
    const media = this.#chooseVideo(sdp);
    const format = FORMATS[media.encoding] as NalFormat;
    const sound = this.#o.audio ? chooseAudio(sdp) : undefined;
    this.#aggregateUrl = resolveControl(base, sdp.control);
    connection.teardownUrl = this.#aggregateUrl;
    this.#video = await this.#setUpVideo(media, format, resolveControl(base, media.control));
    if (sound) this.#audio = await this.#setUpAudio(sound, resolveControl(base, sound.media.control));
    const now = this.#clock.nowMs();
    this.#playedMs = now;
    this.#lastKeepAliveMs = now;
    this.#lastReportMs = now;
    this.#o.onFormat({
      kind: this.#address.secure ? 'rtsps' : 'rtsp',
      transport: this.#overUdp ? 'udp' : 'tcp',
      codec: format.codec,
      extradata: parameterSetsOf(media),
      raw: undefined,
      audio: this.#audio && sound?.format,
      live: true,
    } satisfies SourceFormat);
    await connection.request('PLAY', this.#aggregateUrl, { Range: 'npt=0.000-' });
    // A firewall may drop datagrams until it has seen an outgoing one, so open the way again now that the camera
    // plays.
    for (const track of [this.#video, this.#audio]) track?.punch();
  }

  /** The keep-alive method that the camera supports. A camera that does not support OPTIONS is accepted. */
  async #askKeepAliveMethod(): Promise<'GET_PARAMETER' | 'OPTIONS'> {
    try {
      const options = await this.#connection.request('OPTIONS', this.#address.url);
      return /GET_PARAMETER/i.test(options.headers.get('public') ?? '') ? 'GET_PARAMETER' : 'OPTIONS';
    } catch (error) {
      if (error instanceof SourceError && error.code === 'corrupt' && !this.#connection.failure) return 'OPTIONS';
      throw error;
    }
  }

  #chooseVideo(sdp: Sdp): SdpMedia {
    const videos = sdp.media.filter((m) => m.kind === 'video');
    if (videos.length === 0)
      throw new SourceError('no_video', `${this.#address.name}: the camera offers no video track`);
    const known = videos.find((m) => Object.hasOwn(FORMATS, m.encoding));
    if (known) return known;
    const offered = videos.map((m) => m.encoding || `payload type ${m.payloadType}`).join(', ');
    const text = `${this.#address.name}: the camera sends ${quoted(offered, 80)}; H264 and H265 are what can be decoded`;
    throw new SourceError('unsupported_codec', text);
  }

  async #setUpVideo(media: SdpMedia, format: NalFormat, url: string): Promise<VideoTrack> {
    const track = new VideoTrack(format, {
      payloadType: media.payloadType,
      clockRate: media.clockRate,
      reorder: this.#overUdp,
      onUnit: (unit) => {
        this.#o.onUnit(unit);
        if (this.#earlyReport) this.#placeEarlyReport();
      },
    });
    await this.#setUp(track, url, 0);
    return track;
  }

  async #setUpAudio(sound: { media: SdpMedia; format: AudioFormat }, url: string): Promise<RtpTrack | undefined> {
    const { media, format } = sound;
    const track = new RtpTrack({
      payloadType: media.payloadType,
      clockRate: media.clockRate,
      reorder: this.#overUdp,
      onPacket: (packet, header, readMs) => {
        const ticks = track.timeline.unwrap(header.timestamp);
        readAudioPayload(format, packet, header.payloadStart, header.payloadEnd, (data, after) => {
          this.#o.onAudio?.({ data, ptsMs: (ticks + after) / track.ticksPerMs, arrivedMs: readMs });
        });
      },
    });
    try {
      await this.#setUp(track, url, 2);
      return track;
    } catch (error) {
      track.close(this.#ownSsrc);
      // If the audio track cannot be set up, play the video without it.
      if (error instanceof SourceError && !this.#connection.failure) return undefined;
      throw error;
    }
  }

  async #setUp(track: RtpTrack, url: string, channel: number): Promise<void> {
    if (this.#overUdp) {
      track.ports = await UdpPorts.open({
        clock: this.#clock,
        peer: this.#connection.peer,
        onRtp: (packet, readMs) => {
          this.#connection.guard(() => {
            track.push(packet, readMs);
            this.#o.onReadEnd?.();
          });
        },
        onRtcp: (packet, readMs) => this.#connection.guard(() => this.#onRtcp(track, packet, readMs)),
      });
    }
    try {
      const offer = track.ports
        ? `RTP/AVP;unicast;client_port=${track.ports.port}-${track.ports.port + 1}`
        : `RTP/AVP/TCP;unicast;interleaved=${channel}-${channel + 1}`;
      const answer = await this.#connection.request('SETUP', url, { Transport: offer });
      this.#readSession(answer);
      track.readTransport(answer.headers.get('transport') ?? '', channel);
      track.punch();
    } catch (error) {
      track.close(this.#ownSsrc);
      throw error;
    }
  }

  #readSession(setup: RtspMessage): void {
    const [session = '', ...parameters] = (setup.headers.get('session') ?? '').split(';');
    this.#connection.session = session.trim() || this.#connection.session;
    const timeout = parameters.map((p) => /timeout\s*=\s*(\d+)/i.exec(p)?.[1]).find((v) => v !== undefined);
    if (timeout !== undefined) this.#sessionTimeoutMs = Math.max(5, Number(timeout)) * 1000;
  }

  /** Hot path: once per interleaved packet. */
  #onInterleaved(channel: number, packet: Buffer, readMs: number): void {
    const video = this.#video;
    if (!video || this.#overUdp) return;
    if (channel === video.rtpChannel) video.push(packet, readMs);
    else if (channel === video.rtcpChannel) this.#onRtcp(video, packet, readMs);
    else if (channel === this.#audio?.rtpChannel) this.#audio.push(packet, readMs);
    else if (channel === this.#audio?.rtcpChannel) this.#onRtcp(this.#audio, packet, readMs);
  }

  #onRtcp(track: RtpTrack, packet: Buffer, readMs: number): void {
    // Only from the sender of the pictures: what another one says (an earlier session's, a mixer's) is of other clocks.
    const { report, byes } = parseRtcp(packet, track.ssrc);
    if (report) {
      track.onSenderReport(report, readMs);
      if (track === this.#video) this.#onReport(report, readMs);
    }
    if (track === this.#video && track.ssrc !== undefined && byes.includes(track.ssrc))
      this.#connection.fail(new SourceError('ended', `${this.#address.name}: the camera said goodbye`));
  }

  #onReport(report: SenderReport, readMs: number): void {
    const video = this.#video;
    // A report before the first unit cannot be placed on the timeline yet.
    if (!video || video.units === 0) {
      this.#earlyReport = { report, readMs };
      return;
    }
    const ptsMs = video.timeline.near(report.rtpTime) / video.ticksPerMs;
    const { roundTripMs } = this.#connection;
    this.#o.onReport?.({ ptsMs, wallMs: report.ntpMs, arrivedMs: readMs, roundTripMs });
  }

  #placeEarlyReport(): void {
    const { report, readMs } = this.#earlyReport as EarlyReport;
    this.#earlyReport = undefined;
    if (report.ssrc === this.#video?.ssrc) this.#onReport(report, readMs);
  }

  /** Checks silence, keep-alive and reports with one coarse timer per session, and none per packet. */
  #check(now: number): void {
    const changed = this.#codecChange();
    const late = changed ?? this.#overdue(now);
    // Reports silence only after two late checks in a row. If this process was suspended, unread bytes wait in the
    // socket, and they are read between the two checks.
    if (late && this.#suspected) {
      this.#connection.fail(late);
      return;
    }
    this.#suspected = late !== undefined;
    if (now - this.#lastKeepAliveMs > this.#keepAliveMs) this.#keepAlive(now);
    if (now - this.#lastReportMs > REPORT_MS) this.#sendReports(now);
  }

  #codecChange(): SourceError | undefined {
    const video = this.#video;
    if (!video || (video.otherTypeInARow < OTHER_TYPE_LIMIT && video.foreignInARow < FOREIGN_LIMIT)) return undefined;
    return new SourceError('codec_changed', `${this.#address.name}: the camera sends another codec than it described`);
  }

  #overdue(now: number): SourceError | undefined {
    const { firstUnitMs, silenceMs } = this.#timeouts;
    const video = this.#video;
    if (!video || video.units === 0) {
      if (now - this.#playedMs <= firstUnitMs) return undefined;
      const hint = this.#overUdp && video?.packets === 0 ? '; does a firewall keep UDP out?' : '';
      return new SourceError('timeout', `${this.#address.name}: no picture within ${firstUnitMs} ms after PLAY${hint}`);
    }
    if (now - video.lastPacketMs <= silenceMs) return undefined;
    return new SourceError('stalled', `${this.#address.name}: no video came for ${silenceMs} ms`);
  }

  get #keepAliveMs(): number {
    const announcedMs = this.#sessionTimeoutMs / 2;
    return Math.min(announcedMs, pace.of(this.#address.url) ?? announcedMs);
  }

  #keepAlive(now: number): void {
    this.#longestPauseMs = Math.max(this.#longestPauseMs, now - this.#lastKeepAliveMs);
    this.#lastKeepAliveMs = now;
    const method = this.#keepAliveMethod;
    this.#connection.post(method, this.#aggregateUrl, (status) => this.#onKeptAlive(method, status));
  }

  /** Some cameras name GET_PARAMETER among their methods and refuse it, or understand it with a body only. */
  #onKeptAlive(method: string, status: number): void {
    const refused = status >= 400 && status !== 401 && status !== 454;
    if (!refused || method === 'OPTIONS') return;
    this.#keepAliveMethod = 'OPTIONS';
    this.#keepAlive(this.#clock.nowMs());
  }

  /** A camera that closes a session because it heard nothing of us for too long does not say so. */
  #learnPace({ code }: SourceError): void {
    if (code !== 'ended' && code !== 'stalled') return;
    const endMs = code === 'stalled' ? (this.#video?.lastPacketMs ?? 0) : this.#clock.nowMs();
    pace.ended(this.#address.url, endMs - this.#lastKeepAliveMs, this.#longestPauseMs);
  }

  #sendReports(now: number): void {
    this.#lastReportMs = now;
    for (const track of [this.#video, this.#audio]) {
      if (!track || track.packets === 0) continue;
      const report = track.receiverReport(this.#ownSsrc, now);
      if (track.ports) track.sendRtcp(report);
      else this.#connection.sendInterleaved(track.rtcpChannel, report);
    }
  }

  #onFailed(reason: SourceError): void {
    const wasPlaying = this.#state === 'playing';
    if (wasPlaying) this.#learnPace(reason);
    this.close();
    if (wasPlaying) this.#o.onEnd(reason);
  }
}

/** The base of relative control URLs. */
function baseOf(described: RtspMessage, url: string): string {
  // Some cameras omit the scheme in Content-Base, which makes it unusable.
  const told = described.headers.get('content-base') || described.headers.get('content-location');
  return told && /^rtsps?:\/\//i.test(told) ? told : url;
}

function chooseAudio(sdp: Sdp): { media: SdpMedia; format: AudioFormat } | undefined {
  for (const media of sdp.media) {
    const format = media.kind === 'audio' ? audioFormatOf(media) : undefined;
    if (format) return { media, format };
  }
  return undefined;
}
