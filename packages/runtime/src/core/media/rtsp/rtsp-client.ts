import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type Clock, codeOf, messageOf, type Timer } from '@vigia/base';
import { Authorization } from './authorization.ts';
import { type AccessUnit, H264Assembler } from './h264-assembler.ts';
import { buildReceiverReport, parseRtcp, type SenderReport } from './rtcp.ts';
import { emptyRtpHeader, readRtpHeader } from './rtp.ts';
import { type RtspMessage, RtspStreamParser } from './rtsp-stream-parser.ts';
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
  /** A sender report of the video track. */
  readonly onSenderReport?: (report: SenderReport) => void;
  /** Called once, when a session that was playing ended. Not called after `close`. */
  readonly onEnd: (reason: SourceError) => void;
}

/** What the camera said about its video. */
export interface RtspVideo {
  readonly encoding: string;
  /** Ticks per second of the RTP time stamps. */
  readonly clockRate: number;
}

interface Pending {
  readonly method: string;
  readonly resolve: (message: RtspMessage) => void;
  readonly reject: (error: SourceError) => void;
  readonly timer: Timer;
}

const MAX_AUTH_TRIES = 2;
/** How long a closing connection may take to write its TEARDOWN. */
const TEARDOWN_MS = 300;
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
  readonly #parser: RtspStreamParser;
  readonly #assembler: H264Assembler;
  readonly #header = emptyRtpHeader();
  readonly #ownSsrc = randomBytes(4).readUInt32BE();
  readonly #authorization: Authorization | undefined;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | undefined;
  #cseq = 0;
  #session: string | undefined;
  #sessionTimeoutMs = 60_000;
  #aggregateUrl: string;
  #rtpChannel = 0;
  #rtcpChannel = 1;
  #payloadType = -1;
  #watch: Timer | undefined;
  #playing = false;
  #closed = false;
  #failure: SourceError | undefined;
  #supportsGetParameter = false;
  #lastDataMs = 0;
  #lastKeepAliveMs = 0;
  #lastReportMs = 0;
  #playedMs = 0;
  #senderReport: SenderReport | undefined;
  #senderReportMs = 0;
  #readMs = 0;
  #units = 0;
  #suspected = false;

  private constructor(options: RtspClientOptions) {
    this.#o = options;
    this.#address = parseRtspUrl(options.url);
    this.#aggregateUrl = this.#address.url;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#authorization = this.#address.credentials && new Authorization(this.#address.credentials);
    this.#assembler = new H264Assembler((unit) => {
      this.#units += 1;
      this.#o.onUnit(unit);
    });
    this.#parser = new RtspStreamParser({
      onInterleaved: (channel, packet) => this.#onInterleaved(channel, packet),
      onMessage: (message) => this.#onMessage(message),
    });
  }

  /**
   * Connects and plays.
   *
   * @throws SourceError with the reason; the connection is gone then. The signal's reason when aborted.
   */
  static async open(options: RtspClientOptions, signal?: AbortSignal): Promise<RtspClient> {
    const client = new RtspClient(options);
    const onAbort = (): void => client.#fail(new SourceError('ended', 'closed while connecting'));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      await client.#connect();
      await client.#handshake();
      signal?.throwIfAborted();
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
    if (this.#closed) return;
    this.#closed = true;
    this.#playing = false;
    this.#watch?.cancel();
    this.#rejectPending(new SourceError('ended', `${this.url}: closed`));
    const socket = this.#socket;
    if (!socket || socket.destroyed) return;
    socket.removeAllListeners('data');
    if (this.#session !== undefined && socket.writable) {
      socket.write(this.#format('TEARDOWN', this.#aggregateUrl, {}));
      socket.end();
      const timer = this.#o.clock.after(TEARDOWN_MS, () => socket.destroy(), { unref: true });
      socket.once('close', () => timer.cancel());
      socket.resume();
    } else socket.destroy();
  }

  #connect(): Promise<void> {
    const { host, port } = this.#address;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      this.#socket = socket;
      const timer = this.#o.clock.after(this.#timeouts.connectMs, () => {
        this.#fail(new SourceError('timeout', `${this.url}: no connection within ${this.#timeouts.connectMs} ms`));
      });
      socket.once('connect', () => {
        timer.cancel();
        resolve();
      });
      socket.on('data', (chunk: Buffer) => this.#onData(chunk));
      socket.on('error', (error) => this.#fail(connectError(this.url, error)));
      socket.on('close', () => {
        timer.cancel();
        this.#fail(new SourceError('ended', `${this.url}: the camera closed the connection`));
        reject(this.#failure ?? new SourceError('ended', `${this.url}: closed`));
      });
    });
  }

  async #handshake(): Promise<void> {
    this.#supportsGetParameter = await this.#askGetParameter();
    const described = await this.#request('DESCRIBE', this.#address.url, { Accept: 'application/sdp' });
    const sdp = parseSdp(described.body);
    // Some cameras leave the scheme out of Content-Base: that is no address to ask for.
    const told = described.headers.get('content-base') || described.headers.get('content-location');
    const base = told && /^rtsps?:\/\//i.test(told) ? told : this.#address.url;
    const video = this.#chooseVideo(sdp);
    this.#payloadType = video.payloadType;
    this.#aggregateUrl = resolveControl(base, sdp.control);
    const setup = await this.#request('SETUP', resolveControl(base, video.control), {
      Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1',
    });
    this.#readTransport(setup);
    this.#playing = true;
    const now = this.#o.clock.nowMs();
    this.#playedMs = now;
    this.#lastDataMs = now;
    this.#lastKeepAliveMs = now;
    this.#lastReportMs = now;
    await this.#request('PLAY', this.#aggregateUrl, { Range: 'npt=0.000-' });
    this.#startWatch();
  }

  /** Whether GET_PARAMETER may keep the session alive. A camera that does not know OPTIONS is no worse a camera. */
  async #askGetParameter(): Promise<boolean> {
    try {
      const options = await this.#request('OPTIONS', this.#address.url);
      return /GET_PARAMETER/i.test(options.headers.get('public') ?? '');
    } catch (error) {
      if (error instanceof SourceError && error.code === 'corrupt' && !this.#failure) return false;
      throw error;
    }
  }

  #chooseVideo(sdp: Sdp): SdpMedia {
    const videos = sdp.media.filter((m) => m.kind === 'video');
    if (videos.length === 0) throw new SourceError('no_video', `${this.url}: the camera offers no video track`);
    const h264 = videos.find((m) => m.encoding === 'H264');
    if (h264) return h264;
    const offered = videos.map((m) => m.encoding || `payload type ${m.payloadType}`).join(', ');
    throw new SourceError(
      'unsupported_codec',
      `${this.url}: the camera sends ${offered}; H264 is what this version decodes`,
    );
  }

  #readTransport(setup: RtspMessage): void {
    const [session = '', ...parameters] = (setup.headers.get('session') ?? '').split(';');
    this.#session = session.trim() || undefined;
    const timeout = parameters.map((p) => /timeout\s*=\s*(\d+)/i.exec(p)?.[1]).find((v) => v !== undefined);
    if (timeout !== undefined) this.#sessionTimeoutMs = Math.max(5, Number(timeout)) * 1000;
    const channels = /interleaved\s*=\s*(\d+)(?:-(\d+))?/i.exec(setup.headers.get('transport') ?? '');
    this.#rtpChannel = Number(channels?.[1] ?? 0);
    this.#rtcpChannel = Number(channels?.[2] ?? this.#rtpChannel + 1);
  }

  async #request(method: string, url: string, headers: Record<string, string> = {}): Promise<RtspMessage> {
    for (let tries = 1; ; tries += 1) {
      const message = await this.#roundTrip(method, url, headers);
      if (message.status >= 200 && message.status < 300) return message;
      const mayAnswer =
        message.status === 401 && tries < MAX_AUTH_TRIES && this.#authorization?.challenge(message.challenges);
      if (!mayAnswer) throw this.#statusError(method, message);
    }
  }

  #statusError(method: string, message: RtspMessage): SourceError {
    const { status } = message;
    if (status === 401 || status === 403) {
      const text = this.#authorization
        ? 'the camera refuses this user name or password'
        : 'the camera asks for a user name and a password';
      return new SourceError('unauthorized', `${this.url}: ${text} (${status})`);
    }
    if (status === 404 || status === 454)
      return new SourceError('not_found', `${this.url}: the camera has no such stream (${status})`);
    return new SourceError('corrupt', `${this.url}: ${method} was answered "${message.startLine.slice(0, 80)}"`);
  }

  #roundTrip(method: string, url: string, headers: Record<string, string>): Promise<RtspMessage> {
    return new Promise((resolve, reject) => {
      if (this.#failure || !this.#socket?.writable) {
        reject(this.#failure ?? new SourceError('ended', `${this.url}: the connection is closed`));
        return;
      }
      const text = this.#format(method, url, headers);
      const cseq = this.#cseq;
      const timer = this.#o.clock.after(this.#timeouts.responseMs, () => {
        this.#fail(
          new SourceError('timeout', `${this.url}: no answer to ${method} within ${this.#timeouts.responseMs} ms`),
        );
      });
      this.#pending.set(cseq, { method, resolve, reject, timer });
      this.#socket.write(text);
    });
  }

  #format(method: string, url: string, headers: Record<string, string>): string {
    this.#cseq += 1;
    const lines = [`${method} ${url} RTSP/1.0`, `CSeq: ${this.#cseq}`, 'User-Agent: vigia'];
    const authorization = this.#authorization?.header(method, url);
    if (authorization !== undefined) lines.push(`Authorization: ${authorization}`);
    if (this.#session !== undefined) lines.push(`Session: ${this.#session}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  #onData(chunk: Buffer): void {
    this.#readMs = this.#o.clock.nowMs();
    try {
      this.#parser.push(chunk);
      this.#o.onReadEnd?.();
    } catch (error) {
      this.#fail(
        error instanceof SourceError
          ? error
          : new SourceError('corrupt', `${this.url}: ${messageOf(error)}`, { cause: error }),
      );
    }
  }

  #onInterleaved(channel: number, packet: Buffer): void {
    if (channel === this.#rtpChannel) {
      if (!this.#playing || !readRtpHeader(packet, this.#header) || this.#header.payloadType !== this.#payloadType)
        return;
      this.#lastDataMs = this.#readMs;
      this.#assembler.push(packet, this.#header, this.#readMs);
    } else if (channel === this.#rtcpChannel) this.#onRtcp(packet);
  }

  #onRtcp(packet: Buffer): void {
    const { report, bye } = parseRtcp(packet);
    if (report) {
      this.#senderReport = report;
      this.#senderReportMs = this.#readMs;
      this.#o.onSenderReport?.(report);
    }
    if (bye) this.#fail(new SourceError('ended', `${this.url}: the camera said goodbye`));
  }

  #onMessage(message: RtspMessage): void {
    const cseq = Number(message.headers.get('cseq'));
    if (message.status === 0) {
      // A request of the camera's (keep-alive, ANNOUNCE): nothing we must do, but it wants an answer.
      this.#socket?.write(`RTSP/1.0 200 OK\r\nCSeq: ${message.headers.get('cseq') ?? 0}\r\n\r\n`);
      return;
    }
    const pending = this.#pending.get(cseq) ?? this.#onlyPending();
    if (!pending) return;
    for (const [key, value] of this.#pending) if (value === pending) this.#pending.delete(key);
    pending.timer.cancel();
    pending.resolve(message);
  }

  /** Some cameras answer without a CSeq: with one request under way there is no doubt. */
  #onlyPending(): Pending | undefined {
    return this.#pending.size === 1 ? [...this.#pending.values()][0] : undefined;
  }

  /** One coarse timer per session watches silence, keep-alive and reports: none per packet. */
  #startWatch(): void {
    this.#watch = this.#o.clock.after(WATCH_MS, () => {
      if (this.#closed || this.#failure) return;
      this.#check(this.#o.clock.nowMs());
      if (!this.#failure) this.#startWatch();
    });
  }

  #check(now: number): void {
    const late = this.#overdue(now);
    // Told only when two checks in a row find it: when this process itself stood still, bytes lie unread in the socket,
    // and they are read between the two.
    if (late && this.#suspected) this.#fail(late);
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
    if (now - this.#lastDataMs > silenceMs)
      return new SourceError('stalled', `${this.url}: no video came for ${silenceMs} ms`);
    return undefined;
  }

  #keepAlive(now: number): void {
    this.#lastKeepAliveMs = now;
    // The answer is of no interest, its absence is: silence is watched anyway.
    this.#roundTrip(this.#supportsGetParameter ? 'GET_PARAMETER' : 'OPTIONS', this.#aggregateUrl, {}).catch(
      () => undefined,
    );
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
    const frame = Buffer.alloc(4 + report.byteLength);
    frame[0] = 0x24;
    frame[1] = this.#rtcpChannel;
    frame.writeUInt16BE(report.byteLength, 2);
    report.copy(frame, 4);
    this.#socket?.write(frame);
  }

  #fail(reason: SourceError): void {
    if (this.#failure || this.#closed) return;
    const wasPlaying = this.#playing && this.#watch !== undefined;
    this.#failure = reason;
    this.#rejectPending(reason);
    this.close();
    if (this.#socket && !this.#socket.destroyed && this.#socket.connecting) this.#socket.destroy();
    if (wasPlaying) this.#o.onEnd(reason);
  }

  #rejectPending(reason: SourceError): void {
    for (const pending of this.#pending.values()) {
      pending.timer.cancel();
      pending.reject(reason);
    }
    this.#pending.clear();
  }
}

function connectError(url: string, error: Error): SourceError {
  switch (codeOf(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SourceError('dns', `${url}: the host name cannot be resolved`, { cause: error });
    case 'ECONNREFUSED':
      return new SourceError('refused', `${url}: connection refused, is the camera on and the port right?`, {
        cause: error,
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return new SourceError('timeout', `${url}: the camera cannot be reached`, { cause: error });
    default:
      return new SourceError('ended', `${url}: the connection broke (${codeOf(error) ?? error.message})`, {
        cause: error,
      });
  }
}
