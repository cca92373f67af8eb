import type { Socket } from 'node:net';
import type { Timer } from '@vigia/base';
import { VigiaError } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import { countReceiverReports } from '#simulated-camera/media';
import {
  applyQuirks,
  type Authenticator,
  formatReply,
  type Presentation,
  type RtspReply,
  type RtspRequest,
  RtspRequestParser,
  type Target,
  type TrackFacts,
  targetOf,
} from '#simulated-camera/rtsp';
import type { MediaSession, SentUnit, SessionEvents } from '#simulated-camera/session';
import {
  type FaultyTransport,
  formatTransport,
  InterleavedTransport,
  type MediaTransport,
  parseTransportOffer,
  plainAddress,
  type TransportOffer,
  UdpTransport,
} from '#simulated-camera/transport';
import type { ResolvedOptions } from './options.ts';

/** What a connection needs from its camera. The camera implements it and owns everything in it. */
export interface ConnectionHost {
  readonly options: ResolvedOptions;
  readonly faults: FaultBoard;
  /** Undefined: everyone may watch. */
  readonly authenticator: Authenticator | undefined;
  /** The challenge of a camera that lets nobody in, whatever its authenticator is. */
  readonly lockedAuthenticator: Authenticator;
  /** What is described now. */
  presentation(): Presentation;
  /** Without credentials and without a trailing slash. */
  readonly url: string;
  newSessionId(): string;
  /** A new session, owned by the connection. */
  createSession(id: string, events: SessionEvents): MediaSession;
  /** Wraps a transport so that it is as faulty as the camera. */
  wrapTransport(inner: MediaTransport, carriesPictures: boolean, onCut: () => void): FaultyTransport;
  /** Whether a session that broke is still held against new ones. */
  holdsStaleSession(): boolean;
  onRequest(request: RtspRequest): void;
  onReply(status: number, bytes: number): void;
  onReceiverReports(count: number): void;
  /** A session began or ended to play. */
  onPlayingChanged(): void;
  /** A session ended without TEARDOWN. */
  onBroken(): void;
  /** Once, when the connection is gone. */
  onClosed(connection: Connection): void;
}

/** Why a connection stands still: the camera's `pause`, or the fault `freeze`. */
type FreezeReason = 'pause' | 'fault';

/** Silence is tolerated for this long beyond the announced timeout. */
const TIMEOUT_GRACE_MS = 10_000;
/** A client that goes on asking without reading is cut off at this many waiting bytes, on top of the media's limit. */
const MAX_UNREAD_BYTES: number = 16 * 1024 * 1024;
/** Requests that wait for one before them. */
const MAX_WAITING_REQUESTS = 64;

/** One client: reads requests, keeps the RTSP state, owns the socket and at most one session. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser = new RtspRequestParser();
  readonly #sessionId: string;
  readonly #frozenBy = new Set<FreezeReason>();
  readonly #connectedMs: number;
  #waiting: RtspRequest[] = [];
  #busy = false;
  #session: MediaSession | undefined;
  #silenceTimer: Timer | undefined;
  #flapTimer: Timer | undefined;
  #lastHeardMs: number;
  #closed = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#sessionId = host.newSessionId();
    this.#connectedMs = host.options.clock.nowMs();
    this.#lastHeardMs = this.#connectedMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.close());
    // A client that resets the connection is nothing to report; `close` follows.
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
    this.#watchSilence();
    this.onFaultsChanged();
  }

  get playing(): boolean {
    return this.#session?.playing ?? false;
  }

  /** Address of the client. */
  get remote(): string {
    return `${plainAddress(this.#socket.remoteAddress)}:${this.#socket.remotePort ?? 0}`;
  }

  /** Reads and sends nothing until {@link thaw} for the same reason; the socket stays open. */
  freeze(reason: FreezeReason): void {
    this.#frozenBy.add(reason);
    this.#socket.pause();
    this.#session?.freeze('connection');
  }

  thaw(reason: FreezeReason): void {
    if (!this.#frozenBy.delete(reason) || this.#frozenBy.size > 0) return;
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    this.#session?.thaw('connection');
    this.#socket.resume();
  }

  /** The active faults have changed. */
  onFaultsChanged(): void {
    const { options, faults } = this.#host;
    this.#flapTimer?.cancel();
    const flap = faults.get('flap');
    if (flap) {
      const dueMs = Math.max(this.#connectedMs, flap.sinceMs) + flap.value;
      this.#flapTimer = options.clock.after(Math.max(0, dueMs - options.clock.nowMs()), () => this.close());
    }
    this.#session?.onFaultsChanged();
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
    this.#flapTimer?.cancel();
    if (this.#session) this.#host.onBroken();
    this.#endSession();
    this.#socket.destroy();
    this.#host.onClosed(this);
  }

  #watchSilence(): void {
    const { clock, sessionTimeoutS } = this.#host.options;
    const limitMs = sessionTimeoutS * 1000 + TIMEOUT_GRACE_MS;
    const leftMs = this.#frozenBy.size > 0 ? limitMs : this.#lastHeardMs + limitMs - clock.nowMs();
    if (leftMs <= 0) this.close();
    else this.#silenceTimer = clock.after(leftMs, () => this.#watchSilence());
  }

  #onData(chunk: Buffer): void {
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    try {
      for (const input of this.#parser.push(chunk)) {
        if (input.kind === 'interleaved') this.#onRtcp(input.payload);
        else this.#waiting.push(input);
      }
      this.#answerWaiting();
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      // Framing is lost (malformed or too large): say so once and hang up, without reading on.
      this.#reply({ status: 400 }, undefined);
      this.#socket.destroySoon();
    }
  }

  #onRtcp(packet: Buffer): void {
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    this.#host.onReceiverReports(countReceiverReports(packet));
  }

  // One after the other: a SETUP that still looks for ports keeps what came behind it waiting.
  #answerWaiting(): void {
    while (!this.#busy && !this.#closed) {
      const request = this.#waiting.shift();
      if (!request) return;
      this.#onRequest(request);
    }
    if (this.#waiting.length > MAX_WAITING_REQUESTS) this.close();
  }

  #onRequest(request: RtspRequest): void {
    this.#host.onRequest(request);
    if (this.#host.faults.get('silent')) return;
    const answer = this.#answer(request);
    if (!(answer instanceof Promise)) {
      this.#finish(request, answer);
      return;
    }
    this.#busy = true;
    const finish = (reply: RtspReply): void => {
      this.#busy = false;
      if (this.#closed) return;
      this.#finish(request, reply);
      this.#answerWaiting();
    };
    answer.then(finish, () => finish({ status: 500 }));
  }

  #finish(request: RtspRequest, reply: RtspReply): void {
    const begins = request.method === 'PLAY' && reply.status === 200;
    const { quirks } = this.#host.options;
    // Media follows its PLAY reply, except with the quirk of some cameras.
    if (begins && quirks.includes('rtp-before-play-reply')) this.#session?.begin();
    this.#reply(reply, request.headers.get('cseq'));
    if (begins) this.#session?.begin();
    if (request.method === 'TEARDOWN' && reply.status === 200 && !this.#session) this.#socket.end();
  }

  #answer(request: RtspRequest): RtspReply | Promise<RtspReply> {
    const { options, faults } = this.#host;
    if (request.version !== 'RTSP/1.0') return this.#refuse(505);
    if (!request.headers.has('cseq')) return this.#refuse(400);
    if (faults.get('unauthorized')) return this.#unauthorized(this.#host.lockedAuthenticator, false);
    // As most cameras do: what can be asked is no secret.
    if (request.method === 'OPTIONS') return options.manners.options({ sessionId: this.#sessionId });
    const { authenticator } = this.#host;
    const verdict = authenticator?.check(request, faults.get('stale-nonce')?.value) ?? 'allowed';
    if (authenticator && verdict !== 'allowed') return this.#unauthorized(authenticator, verdict === 'stale');
    if (faults.get('not-found')) return this.#refuse(404);
    const target = targetOf(request.uri, this.#host.presentation());
    if (target === 'unknown') return this.#refuse(404);
    return this.#answerAllowed(request, target);
  }

  #unauthorized(authenticator: Authenticator, stale: boolean): RtspReply {
    const { nonce, realm } = authenticator;
    return this.#host.options.manners.unauthorized({ challenge: authenticator.challenge(stale), nonce, realm });
  }

  #answerAllowed(request: RtspRequest, target: Target): RtspReply | Promise<RtspReply> {
    switch (request.method) {
      case 'DESCRIBE':
        return this.#redirect() ?? this.#describe(request);
      case 'SETUP':
        return this.#redirect() ?? this.#setupAt(request, target);
      case 'PLAY':
        return this.#mayControl(target) ? this.#play(request) : this.#refuse(460);
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

  #setupAt(request: RtspRequest, target: Target): RtspReply | Promise<RtspReply> {
    if (typeof target === 'number') return this.#setup(request, target);
    // A track without a control URL of its own has that of the whole.
    const bare = this.#host.presentation().tracks.findIndex(({ control }) => control === '' || control === '*');
    return bare >= 0 ? this.#setup(request, bare) : this.#refuse(459);
  }

  #mayControl(target: Target): boolean {
    return typeof target !== 'number' || this.#host.presentation().playsTracks;
  }

  #redirect(): RtspReply | undefined {
    const fault = this.#host.faults.get('redirect');
    return fault && { status: 302, headers: [['Location', fault.argument ?? this.#host.url]] };
  }

  #describe(request: RtspRequest): RtspReply {
    const { options } = this.#host;
    const { sdp } = this.#host.presentation();
    return options.manners.describe({ ...this.#addressOf(request.uri), sdp, sessionId: this.#sessionId });
  }

  #setup(request: RtspRequest, track: number): RtspReply | Promise<RtspReply> {
    const named = request.headers.get('session');
    if (named !== undefined && !this.#isOurs(request)) return this.#refuse(454);
    if (this.#session?.playing) return this.#refuse(455);
    if (this.#host.holdsStaleSession()) return this.#refuse(453);
    const offer = parseTransportOffer(request.headers.get('transport') ?? '', this.#host.options.transports);
    if (!offer) return this.#refuse(461);
    if (offer.protocol === 'tcp') return this.#granted(track, this.#interleaved(offer, track));
    return this.#openUdp(offer).then((transport) => {
      if (!this.#closed) return this.#granted(track, transport);
      transport.close();
      return { status: 500 };
    });
  }

  #interleaved({ channels }: TransportOffer & { protocol: 'tcp' }, track: number): MediaTransport {
    return new InterleavedTransport(this.#socket, channels ?? { rtp: 2 * track, rtcp: 2 * track + 1 });
  }

  #openUdp({ client }: TransportOffer & { protocol: 'udp' }): Promise<MediaTransport> {
    return UdpTransport.open({
      local: plainAddress(this.#socket.localAddress),
      remote: plainAddress(this.#socket.remoteAddress),
      client,
      onRtcp: (packet) => this.#onRtcp(packet),
    });
  }

  #granted(track: number, inner: MediaTransport): RtspReply {
    const { manners, sessionTimeoutS } = this.#host.options;
    const kind = this.#host.presentation().tracks[track]?.kind ?? 'other';
    const transport = this.#host.wrapTransport(inner, kind === 'video', () => this.#onCut());
    this.#session ??= this.#host.createSession(this.#sessionId, {
      onFreeze: (frozen) => (frozen ? this.freeze('fault') : this.thaw('fault')),
      onEnd: () => this.#onEnd(),
    });
    const ssrc = this.#session.setTrack(track, kind, transport);
    const { negotiated } = inner;
    return manners.setup({
      sessionId: this.#session.id,
      timeoutS: sessionTimeoutS,
      transport: formatTransport(negotiated, ssrc),
      negotiated,
      ssrc,
      track,
    });
  }

  #onCut(): void {
    if (this.#session) this.#host.onBroken();
    this.#endSession();
    this.#socket.destroySoon();
  }

  #onEnd(): void {
    this.#endSession();
    this.#socket.end();
  }

  #play(request: RtspRequest): RtspReply {
    const session = this.#session;
    if (!session || !this.#isOurs(request)) return this.#refuse(454);
    const { options } = this.#host;
    const presentation = this.#host.presentation();
    // PLAY while playing changes nothing: some clients use it to keep the session alive.
    if (session.playing) return options.manners.done({ method: request.method, sessionId: session.id });
    const address = this.#addressOf(request.uri);
    const tracks = session.prepare().map(({ track, ssrc, sequence, rtpTime }): TrackFacts => {
      const { kind, control } = presentation.tracks[track] ?? { kind: 'other', control: '' };
      const absolute = /^[a-z]+:\/\/[^/?]*(.*)$/i.exec(control)?.[1];
      const url = absolute === undefined ? address.contentBase + control : address.origin + absolute;
      return { track, kind, control, url, ssrc, sequence, rtpTime };
    });
    this.#host.onPlayingChanged();
    const { sequence, rtpTime } = tracks[0] ?? { sequence: 0, rtpTime: 0 };
    const { id: sessionId } = session;
    return options.manners.play({ ...address, sessionId, sequence, rtpTime, tracks });
  }

  #pause(request: RtspRequest): RtspReply {
    if (!this.#session || !this.#isOurs(request)) return this.#refuse(454);
    this.#session.pause();
    this.#host.onPlayingChanged();
    return this.#done(request);
  }

  #teardown(request: RtspRequest): RtspReply {
    if (!this.#session || !this.#isOurs(request)) return this.#refuse(454);
    const reply = this.#done(request);
    this.#endSession();
    return reply;
  }

  #parameter(request: RtspRequest): RtspReply {
    if (request.headers.has('session') && !(this.#session && this.#isOurs(request))) return this.#refuse(454);
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

  /** Clients may repeat the timeout behind the identifier, and some vendors tell it before SETUP. */
  #isOurs(request: RtspRequest): boolean {
    return request.headers.get('session')?.split(';')[0]?.trim() === this.#sessionId;
  }

  /** The address under which the client knows the camera: it may differ from the one listened on. */
  #addressOf(uri: string): { contentBase: string; origin: string } {
    const authority = /^rtsps?:\/\/(?:[^/@]*@)?([^/?]+)/i.exec(uri)?.[1];
    const [scheme = 'rtsp', , own = ''] = this.#host.url.split('/');
    const origin = `${scheme}//${authority ?? own}`;
    return { contentBase: `${origin}${this.#host.options.path}/`, origin };
  }

  #reply(reply: RtspReply, cseq: string | undefined): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    const { quirks } = this.#host.options;
    const bytes = formatReply(applyQuirks(reply, quirks), cseq, quirks.includes('lower-case-headers'));
    this.#socket.write(bytes);
    this.#host.onReply(reply.status, bytes.byteLength);
    if (this.#socket.writableLength > this.#host.options.maxBacklogBytes + MAX_UNREAD_BYTES) this.close();
  }
}
