import type { Socket } from 'node:net';
import type { Timer } from '@vigia/base';
import type { Authenticator } from './auth.ts';
import type { ResolvedOptions } from './options.ts';
import { formatReply, type RtspReply, type RtspRequest, RtspRequestParser } from './rtsp-message.ts';
import { VIDEO_CONTROL } from './sdp.ts';
import type { MediaSession, SentUnit } from './session.ts';
import { InterleavedTransport, type MediaTransport, parseInterleavedOffer } from './transport.ts';

/** What a connection needs from its camera. The camera implements it and owns everything in it. */
export interface ConnectionHost {
  readonly options: ResolvedOptions;
  /** Undefined: everyone may watch. */
  readonly authenticator: Authenticator | undefined;
  readonly sdp: string;
  /** Without credentials and without a trailing slash. */
  readonly url: string;
  /** A new session, owned by the connection. */
  createSession(transport: MediaTransport): MediaSession;
  onRequest(request: RtspRequest): void;
  onReply(status: number, bytes: number): void;
  /** A session began or ended to play. */
  onPlayingChanged(): void;
  /** Once, when the connection is gone. */
  onClosed(connection: Connection): void;
}

/** Silence is tolerated for this long beyond the announced timeout. */
const TIMEOUT_GRACE_MS = 10_000;
/** A client that goes on asking without reading is cut off at this many waiting bytes, on top of the media's limit. */
const MAX_UNREAD_BYTES: number = 16 * 1024 * 1024;

/** What a request's URL points at. */
type Target = 'server' | 'aggregate' | 'track' | 'unknown';

/** One client: reads requests, keeps the RTSP state, owns the socket and at most one session. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser = new RtspRequestParser();
  #session: MediaSession | undefined;
  #silenceTimer: Timer | undefined;
  #lastHeardMs: number;
  #frozen = false;
  #closed = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#lastHeardMs = host.options.clock.nowMs();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.close());
    // A client that resets the connection is nothing to report; `close` follows.
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
    this.#watchSilence();
  }

  get playing(): boolean {
    return this.#session?.playing ?? false;
  }

  /** Reads and sends nothing until {@link thaw}; the socket stays open. */
  freeze(): void {
    this.#frozen = true;
    this.#socket.pause();
    this.#session?.freeze();
  }

  thaw(): void {
    this.#frozen = false;
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    this.#session?.thaw();
    this.#socket.resume();
  }

  /** In lock-step: see `MediaSession.step`. */
  step(): SentUnit | undefined {
    return this.#session?.step();
  }

  /** Destroys the socket and ends the session. Twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#silenceTimer?.cancel();
    this.#endSession();
    this.#socket.destroy();
    this.#host.onClosed(this);
  }

  #watchSilence(): void {
    const { clock, sessionTimeoutS } = this.#host.options;
    const limitMs = sessionTimeoutS * 1000 + TIMEOUT_GRACE_MS;
    const leftMs = this.#frozen ? limitMs : this.#lastHeardMs + limitMs - clock.nowMs();
    if (leftMs <= 0) this.close();
    else this.#silenceTimer = clock.after(leftMs, () => this.#watchSilence());
  }

  #onData(chunk: Buffer): void {
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    try {
      for (const input of this.#parser.push(chunk)) {
        // Receiver reports are a sign of life and nothing else.
        if (input.kind === 'request' && !this.#closed) this.#onRequest(input);
      }
    } catch {
      // Framing is lost (malformed or too large): say so once and hang up, without reading on.
      this.#reply({ status: 400 }, undefined);
      this.#socket.destroySoon();
    }
  }

  #onRequest(request: RtspRequest): void {
    this.#host.onRequest(request);
    const sessionBefore = this.#session;
    this.#reply(this.#answer(request), request.headers.get('cseq'));
    // Media follows its PLAY reply, never the other way round.
    if (request.method === 'PLAY') sessionBefore?.begin();
    if (request.method === 'TEARDOWN' && sessionBefore && !this.#session) this.#socket.end();
  }

  #answer(request: RtspRequest): RtspReply {
    const { authenticator, options } = this.#host;
    if (request.version !== 'RTSP/1.0') return this.#refuse(505);
    if (!request.headers.has('cseq')) return this.#refuse(400);
    // As most cameras do: what can be asked is no secret.
    if (request.method === 'OPTIONS') return options.manners.options();
    if (authenticator && !authenticator.allows(request)) {
      return options.manners.unauthorized({ challenge: authenticator.challenge() });
    }
    const target = targetOf(request.uri, options.path);
    if (target === 'unknown') return this.#refuse(404);
    return this.#answerAllowed(request, target);
  }

  #answerAllowed(request: RtspRequest, target: Target): RtspReply {
    switch (request.method) {
      case 'DESCRIBE':
        return this.#describe(request);
      case 'SETUP':
        return target === 'track' ? this.#setup(request) : this.#refuse(459);
      case 'PLAY':
        return target === 'track' ? this.#refuse(460) : this.#play(request);
      case 'PAUSE':
        return this.#pause(request);
      case 'TEARDOWN':
        return this.#teardown(request);
      case 'GET_PARAMETER':
      case 'SET_PARAMETER':
        return this.#parameter(request);
      default:
        return this.#refuse(501);
    }
  }

  #describe(request: RtspRequest): RtspReply {
    const contentBase = this.#contentBase(request.uri);
    return this.#host.options.manners.describe({ contentBase, sdp: this.#host.sdp });
  }

  #setup(request: RtspRequest): RtspReply {
    const named = request.headers.get('session');
    if (named !== undefined && !this.#owns(request)) return this.#refuse(454);
    if (this.#session?.playing) return this.#refuse(455);
    const channels = parseInterleavedOffer(request.headers.get('transport') ?? '');
    if (!channels) return this.#refuse(461);
    const transport = new InterleavedTransport(this.#socket, channels);
    if (this.#session) this.#session.replaceTransport(transport);
    else this.#session = this.#host.createSession(transport);
    const { manners, sessionTimeoutS } = this.#host.options;
    const { id, transportHeader } = this.#session;
    return manners.setup({ sessionId: id, timeoutS: sessionTimeoutS, transport: transportHeader });
  }

  #play(request: RtspRequest): RtspReply {
    const session = this.#session;
    if (!session || !this.#owns(request)) return this.#refuse(454);
    const { manners } = this.#host.options;
    // PLAY while playing changes nothing: some clients use it to keep the session alive.
    if (session.playing) return manners.done({ method: request.method, sessionId: session.id });
    const { sequence, rtpTime } = session.prepare();
    this.#host.onPlayingChanged();
    return manners.play({ sessionId: session.id, contentBase: this.#contentBase(request.uri), sequence, rtpTime });
  }

  #pause(request: RtspRequest): RtspReply {
    if (!this.#session || !this.#owns(request)) return this.#refuse(454);
    this.#session.pause();
    this.#host.onPlayingChanged();
    return this.#done(request);
  }

  #teardown(request: RtspRequest): RtspReply {
    if (!this.#session || !this.#owns(request)) return this.#refuse(454);
    const reply = this.#done(request);
    this.#endSession();
    return reply;
  }

  #parameter(request: RtspRequest): RtspReply {
    if (request.headers.has('session') && !this.#owns(request)) return this.#refuse(454);
    return this.#done(request);
  }

  #done(request: RtspRequest): RtspReply {
    return this.#host.options.manners.done({ method: request.method, sessionId: this.#session?.id });
  }

  #refuse(status: number): RtspReply {
    return this.#host.options.manners.refused({ status });
  }

  #endSession(): void {
    if (!this.#session) return;
    this.#session.close();
    this.#session = undefined;
    this.#host.onPlayingChanged();
  }

  /** Clients may repeat the timeout behind the identifier. */
  #owns(request: RtspRequest): boolean {
    const named = request.headers.get('session')?.split(';')[0]?.trim();
    return named !== undefined && named === this.#session?.id;
  }

  /** The address under which the client knows the camera: it may differ from the one listened on. */
  #contentBase(uri: string): string {
    const authority = /^rtsp:\/\/(?:[^/@]*@)?([^/?]+)/i.exec(uri)?.[1];
    const url = authority === undefined ? this.#host.url : `rtsp://${authority}${this.#host.options.path}`;
    return `${url}/`;
  }

  #reply(reply: RtspReply, cseq: string | undefined): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    const bytes = formatReply(reply, cseq);
    this.#socket.write(bytes);
    this.#host.onReply(reply.status, bytes.byteLength);
    if (this.#socket.writableLength > this.#host.options.maxBacklogBytes + MAX_UNREAD_BYTES) this.close();
  }
}

function targetOf(uri: string, path: string): Target {
  if (uri === '*') return 'server';
  const asked = uri.replace(/^rtsp:\/\/[^/?]*/i, '').replace(/\/+$/, '');
  if (asked === path) return 'aggregate';
  return asked === `${path}/${VIDEO_CONTROL}` ? 'track' : 'unknown';
}
