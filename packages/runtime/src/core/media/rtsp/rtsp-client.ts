import { randomBytes } from 'node:crypto';
import { type Clock, every, type Timer } from '@vigia/base';
import { type AccessUnit, H264Assembler } from './h264-assembler.ts';
import { buildReceiverReport, parseRtcp, type SenderReport } from './rtcp.ts';
import { emptyRtpHeader, readRtpHeader } from './rtp.ts';
import { RtspConnection } from './rtsp-connection.ts';
import type { RtspMessage } from './rtsp-stream-parser.ts';
import { parseRtspUrl, type RtspUrl } from './rtsp-url.ts';
import { parseSdp, resolveControl, type Sdp, type SdpMedia } from './sdp.ts';
import { SourceError } from './source-error.ts';

/** Longest waits in milliseconds. */
export interface RtspTimeouts {
  readonly connectMs: number;
  readonly responseMs: number;
  /** From PLAY to the first access unit. */
  readonly firstUnitMs: number;
  /** Without a packet of the video track while playing. */
  readonly silenceMs: number;
}

/** Sensible for cameras in a building. */
export const DEFAULT_TIMEOUTS: RtspTimeouts = {
  connectMs: 5_000,
  responseMs: 5_000,
  firstUnitMs: 10_000,
  silenceMs: 5_000,
};

/** Options of {@link RtspClient}. */
export interface RtspClientOptions {
  /** May hold credentials; they are sent only in answer to a challenge, and never logged. */
  readonly url: string;
  readonly clock: Clock;
  readonly timeouts?: Partial<RtspTimeouts>;
  /** Every access unit, as soon as its marker bit arrived. Its data is borrowed until the callback returns. */
  readonly onUnit: (unit: AccessUnit) => void;
  /** All units of one read were handed on: the last of them is the newest there is. */
  readonly onReadEnd?: () => void;
  /** Called once, when a session that was playing ended. Not called after `close`. */
  readonly onEnd: (reason: SourceError) => void;
}

const WATCH_MS = 500;
const REPORT_MS = 5_000;

/**
 * Plays one H.264 track of a camera over RTSP, interleaved in TCP (RFC 2326, 3550, 6184).
 *
 * One connection, one session: `open` either plays or throws, after that `onEnd` tells the end once. Reconnecting is the
 * caller's business. Nothing is queued here: a unit is handed on inside the read that completed it.
 */
export class RtspClient {
  readonly #o: RtspClientOptions;
  readonly #address: RtspUrl;
  readonly #timeouts: RtspTimeouts;
  readonly #connection: RtspConnection;
  readonly #assembler: H264Assembler;
  readonly #header = emptyRtpHeader();
  readonly #ownSsrc = randomBytes(4).readUInt32BE();
  #aggregateUrl: string;
  #keepAliveMethod: 'GET_PARAMETER' | 'OPTIONS' = 'OPTIONS';
  #sessionTimeoutMs = 60_000;
  #rtpChannel = 0;
  #rtcpChannel = 1;
  #payloadType = -1;
  #watch: Timer | undefined;
  /** `opening` until PLAY was answered, `playing` until the end. */
  #state: 'opening' | 'playing' | 'closed' = 'opening';
  #playedMs = 0;
  #units = 0;
  #lastVideoMs = 0;
  #suspected = false;
  #lastKeepAliveMs = 0;
  #lastReportMs = 0;
  #senderReport: SenderReport | undefined;
  #senderReportMs = 0;

  private constructor(options: RtspClientOptions) {
    this.#o = options;
    this.#address = parseRtspUrl(options.url);
    this.#aggregateUrl = this.#address.url;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#assembler = new H264Assembler((unit) => {
      this.#units += 1;
      this.#o.onUnit(unit);
    });
    this.#connection = new RtspConnection({
      address: this.#address,
      clock: options.clock,
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
   * @throws SourceError with the reason; the connection is gone then. The signal's reason when aborted.
   */
  static async open(options: RtspClientOptions, signal?: AbortSignal): Promise<RtspClient> {
    const client = new RtspClient(options);
    const onAbort = (): void => client.#connection.fail(new SourceError('ended', 'closed while connecting'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      await client.#connection.connect();
      await client.#handshake();
      signal?.throwIfAborted();
      // The answer to PLAY and the end may come in one read: then nobody was told yet.
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

  /** The address without credentials. */
  get url(): string {
    return this.#address.url;
  }

  /** RTP packets that never came. */
  get lostPackets(): number {
    return this.#assembler.lostPackets;
  }

  /** Says goodbye and lets go: TEARDOWN is written without waiting for its answer. Idempotent. */
  close(): void {
    this.#state = 'closed';
    this.#watch?.cancel();
    this.#connection.close();
  }

  async #handshake(): Promise<void> {
    const connection = this.#connection;
    this.#keepAliveMethod = await this.#askKeepAliveMethod();
    const described = await connection.request('DESCRIBE', this.#address.url, { Accept: 'application/sdp' });
    const sdp = parseSdp(described.body);
    // Some cameras leave the scheme out of Content-Base: that is no address to ask for.
    const told = described.headers.get('content-base') || described.headers.get('content-location');
    const base = told && /^rtsps?:\/\//i.test(told) ? told : this.#address.url;
    const video = this.#chooseVideo(sdp);
    this.#payloadType = video.payloadType;
    this.#aggregateUrl = resolveControl(base, sdp.control);
    connection.teardownUrl = this.#aggregateUrl;
    const transport = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };
    this.#readTransport(await connection.request('SETUP', resolveControl(base, video.control), transport));
    const now = this.#o.clock.nowMs();
    this.#playedMs = now;
    this.#lastVideoMs = now;
    this.#lastKeepAliveMs = now;
    this.#lastReportMs = now;
    await connection.request('PLAY', this.#aggregateUrl, { Range: 'npt=0.000-' });
  }

  /** What may keep the session alive. A camera that does not know OPTIONS is no worse a camera. */
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
    if (videos.length === 0) throw new SourceError('no_video', `${this.url}: the camera offers no video track`);
    const h264 = videos.find((m) => m.encoding === 'H264');
    if (h264) return h264;
    const offered = videos.map((m) => m.encoding || `payload type ${m.payloadType}`).join(', ');
    const text = `${this.url}: the camera sends ${offered}; H264 is what this version decodes`;
    throw new SourceError('unsupported_codec', text);
  }

  #readTransport(setup: RtspMessage): void {
    const [session = '', ...parameters] = (setup.headers.get('session') ?? '').split(';');
    this.#connection.session = session.trim() || undefined;
    const timeout = parameters.map((p) => /timeout\s*=\s*(\d+)/i.exec(p)?.[1]).find((v) => v !== undefined);
    if (timeout !== undefined) this.#sessionTimeoutMs = Math.max(5, Number(timeout)) * 1000;
    const channels = /interleaved\s*=\s*(\d+)(?:-(\d+))?/i.exec(setup.headers.get('transport') ?? '');
    this.#rtpChannel = Number(channels?.[1] ?? 0);
    this.#rtcpChannel = Number(channels?.[2] ?? this.#rtpChannel + 1);
  }

  /** Hot path: once per RTP packet. Packets before SETUP was answered have no payload type to match. */
  #onInterleaved(channel: number, packet: Buffer, readMs: number): void {
    if (channel === this.#rtpChannel) {
      if (!readRtpHeader(packet, this.#header) || this.#header.payloadType !== this.#payloadType) return;
      this.#lastVideoMs = readMs;
      this.#assembler.push(packet, this.#header, readMs);
    } else if (channel === this.#rtcpChannel) this.#onRtcp(packet, readMs);
  }

  #onRtcp(packet: Buffer, readMs: number): void {
    const { report, bye } = parseRtcp(packet);
    if (report) {
      this.#senderReport = report;
      this.#senderReportMs = readMs;
    }
    if (bye) this.#connection.fail(new SourceError('ended', `${this.url}: the camera said goodbye`));
  }

  /** One coarse timer per session watches silence, keep-alive and reports: none per packet. */
  #check(now: number): void {
    const late = this.#overdue(now);
    // Told only when two checks in a row find it: when this process itself stood still, bytes lie unread in the socket,
    // and they are read between the two.
    if (late && this.#suspected) {
      this.#connection.fail(late);
      return;
    }
    this.#suspected = late !== undefined;
    if (now - this.#lastKeepAliveMs > this.#sessionTimeoutMs / 2) this.#keepAlive(now);
    if (now - this.#lastReportMs > REPORT_MS) this.#sendReport(now);
  }

  #overdue(now: number): SourceError | undefined {
    const { firstUnitMs, silenceMs } = this.#timeouts;
    if (this.#units === 0) {
      if (now - this.#playedMs <= firstUnitMs) return undefined;
      return new SourceError('timeout', `${this.url}: no picture within ${firstUnitMs} ms after PLAY`);
    }
    if (now - this.#lastVideoMs <= silenceMs) return undefined;
    return new SourceError('stalled', `${this.url}: no video came for ${silenceMs} ms`);
  }

  #keepAlive(now: number): void {
    this.#lastKeepAliveMs = now;
    this.#connection.post(this.#keepAliveMethod, this.#aggregateUrl);
  }

  #sendReport(now: number): void {
    this.#lastReportMs = now;
    const report = buildReceiverReport({
      ownSsrc: this.#ownSsrc,
      senderSsrc: this.#header.ssrc,
      highestSequence: this.#header.sequence,
      lost: this.#assembler.lostPackets,
      lastReportMiddle: this.#senderReport?.ntpMiddle ?? 0,
      sinceLastReportMs: this.#senderReport ? now - this.#senderReportMs : 0,
    });
    this.#connection.sendInterleaved(this.#rtcpChannel, report);
  }

  #onFailed(reason: SourceError): void {
    const wasPlaying = this.#state === 'playing';
    this.close();
    if (wasPlaying) this.#o.onEnd(reason);
  }
}
