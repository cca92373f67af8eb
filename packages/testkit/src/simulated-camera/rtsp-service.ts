import type { Socket } from 'node:net';
import type { FaultBoard } from '#simulated-camera/faults';
import type { Authenticator, Presentation, RtspReply, RtspRequest, Target, TrackFacts } from '#simulated-camera/rtsp';
import { targetOf } from '#simulated-camera/rtsp';
import type { MediaSession, SessionEvents } from '#simulated-camera/session';
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

/** What the service of one client needs from its camera. */
export interface ServiceHost {
  readonly options: ResolvedOptions;
  readonly faults: FaultBoard;
  /** Undefined: no credentials are required. */
  readonly authenticator: Authenticator | undefined;
  /** Challenges under the fault `unauthorized`, when no credentials are accepted. */
  readonly lockedAuthenticator: Authenticator;
  /** The current session description. */
  presentation(): Presentation;
  /** Without credentials and without a trailing slash. */
  readonly url: string;
  newSessionId(): string;
  /** A new session, owned by the service. */
  createSession(id: string, events: SessionEvents): MediaSession;
  /** Wraps a transport so that it shows the camera's faults. */
  wrapTransport(inner: MediaTransport, carriesPictures: boolean, onCut: () => void): FaultyTransport;
  /** Whether a broken session still blocks new ones. */
  holdsStaleSession(): boolean;
  /** A session began or stopped playing. */
  onPlayingChanged(): void;
  /** A session ended without TEARDOWN. */
  onBroken(): void;
}

/** Events of a service, handled by its connection. */
export interface ServiceEvents {
  /** An RTCP packet arrived by UDP. */
  readonly onRtcp: (packet: Buffer) => void;
  /** A fault of the session freezes the whole connection, or ends to. */
  readonly onFreeze: (frozen: boolean) => void;
}

/** Answers the requests of one client by the states of RFC 2326. Owns at most one session, not the socket. */
export class RtspService {
  readonly #socket: Socket;
  readonly #host: ServiceHost;
  readonly #events: ServiceEvents;
  readonly #sessionId: string;
  #session: MediaSession | undefined;
  #closed = false;

  constructor(socket: Socket, host: ServiceHost, events: ServiceEvents) {
    this.#socket = socket;
    this.#host = host;
    this.#events = events;
    this.#sessionId = host.newSessionId();
  }

  /** The client's session, from the first SETUP on. */
  get session(): MediaSession | undefined {
    return this.#session;
  }

  /** Ends the session, as broken if there is one. */
  close(): void {
    this.#closed = true;
    this.#break();
  }

  /** The reply to a request; a promise while UDP ports are being opened. */
  answer(request: RtspRequest): RtspReply | Promise<RtspReply> {
    const { options, faults } = this.#host;
    if (request.version !== 'RTSP/1.0') return this.#refuse(505);
    if (!request.headers.has('cseq')) return this.#refuse(400);
    if (faults.get('unauthorized')) return this.#unauthorized(this.#host.lockedAuthenticator, false);
    // Like most cameras: OPTIONS needs no credentials.
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
    // A track without a control URL uses that of the session.
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
      onRtcp: this.#events.onRtcp,
    });
  }

  #granted(track: number, inner: MediaTransport): RtspReply {
    const { manners, sessionTimeoutS } = this.#host.options;
    const kind = this.#host.presentation().tracks[track]?.kind ?? 'other';
    const transport = this.#host.wrapTransport(inner, kind === 'video', () => this.#onCut());
    this.#session ??= this.#host.createSession(this.#sessionId, {
      onFreeze: this.#events.onFreeze,
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
    this.#break();
    this.#socket.destroySoon();
  }

  #break(): void {
    if (this.#session) this.#host.onBroken();
    this.#endSession();
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
    // PLAY while playing changes nothing: some clients use it as a keep-alive.
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

  /** Clients may repeat the timeout behind the identifier; some vendors send the identifier before SETUP. */
  #isOurs(request: RtspRequest): boolean {
    return request.headers.get('session')?.split(';')[0]?.trim() === this.#sessionId;
  }

  /** The camera's address as the client wrote it; it may differ from the one listened on. */
  #addressOf(uri: string): { contentBase: string; origin: string } {
    const authority = /^rtsps?:\/\/(?:[^/@]*@)?([^/?]+)/i.exec(uri)?.[1];
    const [scheme = 'rtsp', , own = ''] = this.#host.url.split('/');
    const origin = `${scheme}//${authority ?? own}`;
    return { contentBase: `${origin}${this.#host.options.path}/`, origin };
  }
}
