import { type Clock, type Log, UsageError, VigiaError } from '@vigia/base';
import {
  ACCESS_API,
  API,
  API_NAMES,
  type ApiName,
  type ApiRoute,
  LIVE_API,
  type LiveName,
  MEDIA_NAMES,
  type MediaName,
  openApi,
} from '@vigia/contracts/api';
import webSocket from '@fastify/websocket';
import { fastify, type FastifyReply, type FastifyRequest, type RouteHandlerMethod, type RouteOptions } from 'fastify';
import type { z } from 'zod';
import type { IncomingMessage } from 'node:http';
import type { AccessControl } from '#core/access';
import type { PreviewTask } from '#core/footage-link';
import { RTP_ORIGIN_HEADER, SDP_LIMIT } from '#core/live-link';
import type { AccessName, NodeName } from './asked.ts';
import { Audit } from './audit.ts';
import { serveMovie } from './live-movie.ts';
import { LiveSessions } from './live-sessions.ts';
import { passOn } from './media-proxy.ts';
import { MjpegStreams } from './mjpeg-streams.ts';
import { redirectToTls, refuseBytes, refuseOddities } from './no-request.ts';
import { NodeStreams } from './node-streams.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { accessOperations, type ApiCall, loggedRefusal, type Operations, parametersOf } from './operations.ts';
import { sseOutlet, webSocketOutlet } from './outlet.ts';
import { checked } from './refusal.ts';
import { keyOf, noRoute, revisionIn, revisionOf } from './requests.ts';
import { grantedStream, type ServedNode, type StreamedNode } from './served-node.ts';
import { SessionRoutes } from './session-routes.ts';
import { type StreamName, wishOf } from './stream-formats.ts';
import { discardBody } from './unread-body.ts';
import {
  type ApiServer,
  type Entrance,
  nameOf,
  refuseUnlessMay,
  refuseUnlessSees,
  refuseUnlessStill,
  type Visitor,
} from './visitors.ts';

/** The content type of OpenMetrics 1.0 text. */
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
/** Longest document, bytes. */
const DOCUMENT_LIMIT = 1024 * 1024;
/** A client must have sent its request within this time. */
const REQUEST_MS = 30_000;
const PARAM_LIMIT = 100;
/** Routes with a WebSocket, by their address in the server. */
const UPGRADES: ReadonlySet<string | undefined> = new Set([API.stream, API.movie].map(({ path }) => urlOf(path)));
/** Of a message over a WebSocket, bytes. */
const MESSAGE_LIMIT = 1_024;

/** Options of {@link HttpApi}. */
export interface HttpApiOptions {
  readonly node: ServedNode;
  readonly access: AccessControl;
  /** Called, and awaited, before a request about users is looked at. */
  readonly beforeAccess?: () => Promise<unknown>;
  /** Called, and awaited, when users or tokens were changed here, before the answer. */
  readonly onAccessChange?: () => Promise<unknown>;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The HTTP API of a node: the same over every listener, and in every process. Every route is one of `API` in the contracts. */
export class HttpApi {
  readonly #o: HttpApiOptions;
  readonly #access: Operations<AccessName>;
  readonly #streams: NodeStreams;
  readonly #live: LiveSessions;
  readonly #mjpeg: MjpegStreams;
  readonly #audit: Audit;
  readonly #sessions: SessionRoutes;
  readonly #visitors = new WeakMap<FastifyRequest, Visitor>();
  /** Of requests for streams, once they are known to be possible. */
  readonly #wishes = new WeakMap<FastifyRequest, ReturnType<typeof wishOf>>();
  /** Of requests for movies, once they are open. */
  readonly #movies = new WeakMap<FastifyRequest, IncomingMessage>();
  /** Built with the first request for it. */
  #openApi: string | undefined;

  constructor(options: HttpApiOptions) {
    const { access, clock, node, log } = options;
    this.#o = options;
    this.#audit = new Audit(node.audit, clock);
    this.#access = accessOperations(access, { audit: this.#audit, clock, log });
    this.#streams = new NodeStreams(options);
    this.#live = new LiveSessions(clock);
    this.#mjpeg = new MjpegStreams(clock);
    this.#sessions = new SessionRoutes(access, this.#audit);
    access.onChange(() => {
      this.#streams.checkLogins();
      this.#live.checkLogins();
    });
  }

  /** A server for one listener. It does not listen yet. */
  async server(entrance: Entrance): Promise<ApiServer> {
    const server = fastify({
      https: entrance.tls ? { ...entrance.tls, minVersion: 'TLSv1.2' } : null,
      logger: false,
      forceCloseConnections: true,
      // Its own answer while it closes has no error of this API. Requests are answered until the listener is closed.
      return503OnClosing: false,
      clientErrorHandler: refuseBytes,
      exposeHeadRoutes: false,
      frameworkErrors: (error, request, reply) => void this.#refuse(error, request, reply),
      bodyLimit: DOCUMENT_LIMIT,
      requestTimeout: REQUEST_MS,
      routerOptions: { maxParamLength: PARAM_LIMIT },
    });
    // Documents arrive as text, JSON or YAML, and are parsed with the configuration's parser.
    server.addContentTypeParser(['application/yaml', 'text/plain'], { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    );
    server.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      server.getDefaultJsonParser('error', 'ignore'),
    );
    server.addContentTypeParser(
      ['application/sdp', 'application/trickle-ice-sdpfrag'],
      { parseAs: 'string', bodyLimit: SDP_LIMIT },
      (_request, body, done) => done(null, body),
    );
    server.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply));
    server.setNotFoundHandler((request, reply) => this.#refuse(noRoute(request), request, reply));
    // Before any hook of ours: only then does a refused upgrade close its socket.
    await server.register(webSocket, {
      options: { maxPayload: MESSAGE_LIMIT },
      // A client that does not answer a close frame must not hold up the end.
      preClose(done) {
        for (const client of server.websocketServer.clients) client.terminate();
        server.websocketServer.close(() => done());
      },
    });
    refuseOddities(server);
    if (entrance.tls) redirectToTls(server);
    const turns = new OneAtATime();
    server.addHook('onRequest', (request, reply) => turns.wait(request.raw.socket, reply.raw));
    // Before the body is read: it costs nothing to refuse.
    server.addHook('onRequest', async (request) => {
      this.#visitors.set(request, entrance.visitor(request));
      if (request.headers.upgrade !== undefined && !UPGRADES.has(request.routeOptions.url)) throw noRoute(request);
    });
    for (const name of API_NAMES) server.route(this.#route(name, entrance));
    return server;
  }

  #route(name: ApiName, entrance: Entrance): RouteOptions {
    const { method, path } = API[name];
    const at = {
      method,
      url: urlOf(path),
      onRequest: async (request: FastifyRequest) => {
        const visitor = this.#visitorOf(request);
        this.#audit.refusing(visitor, name, () => refuseUnlessMay(visitor, API[name]));
      },
    };
    if (name === 'movie') return { ...at, ...this.#movieRoute() };
    if (name !== 'stream' && name !== 'eventStream') {
      const handler: RouteHandlerMethod = (request, reply) => this.#answer(name, request, reply);
      return { ...at, handler, ...(name === 'stop' ? { onResponse: this.#stopAfter } : {}) };
    }
    const serve = (request: FastifyRequest, open: () => ReturnType<typeof sseOutlet>): void =>
      this.#serve(entrance, request, open);
    const sse: RouteHandlerMethod = (request, reply) => {
      reply.hijack();
      serve(request, () => sseOutlet(reply.raw));
    };
    const wsHandler: RouteOptions['wsHandler'] = (socket, request) => {
      // What a client sends is bounded, and is not read.
      socket.on('error', () => socket.terminate());
      serve(request, () => webSocketOutlet(socket));
    };
    // Before the upgrade, so that a refusal is an answer like any other.
    const preValidation = (request: FastifyRequest): Promise<void> => this.#checkStream(name, request);
    return { ...at, preValidation, handler: sse, ...(name === 'stream' ? { wsHandler } : {}) };
  }

  #movieRoute(): Pick<RouteOptions, 'preValidation' | 'handler' | 'wsHandler'> {
    return {
      // Before the upgrade, so that a refusal is an answer like any other.
      preValidation: (request: FastifyRequest): Promise<void> => this.#openMovie(request),
      handler: () => undefined,
      wsHandler: (socket, request) => {
        const movie = this.#movies.get(request);
        if (movie) serveMovie(socket, movie, this.#o.clock);
        else socket.terminate();
      },
    };
  }

  /** The end closes open connections, so it begins when the answer has been sent. */
  readonly #stopAfter = async (request: FastifyRequest, { statusCode }: FastifyReply): Promise<void> => {
    if (statusCode === 200) this.#o.node.stop(nameOf(this.#visitorOf(request)));
  };

  async #refuse(error: unknown, { method, url, raw }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await discardBody(raw, this.#o.clock);
    const { status, body } = loggedRefusal(error, `${method} ${url}`, this.#o.log);
    if (status === 401) void reply.header('www-authenticate', 'Bearer');
    const { retry_after_s: seconds } = body.error as { readonly retry_after_s?: number };
    if (seconds !== undefined) void reply.header('retry-after', String(seconds));
    return reply.code(status).send(body);
  }

  async #answer(
    name: Exclude<ApiName, StreamName | 'movie'>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const visitor = this.#visitorOf(request);
    if (name === 'login' || name === 'logout') return this.#sessions[name](visitor, request, reply);
    if (name === 'mjpeg') return this.#answerMjpeg(visitor, request, reply);
    if (isLive(name)) return this.#answerLive(name, visitor, request, reply);
    if (isMedia(name)) return this.#media(name, visitor, request, reply);
    if (name === 'previewRules') return this.#preview(visitor, request, reply);
    if (name === 'openapi') {
      parametersOf({ route: name, visitor, params: request.params, query: request.query });
      this.#openApi ??= JSON.stringify(openApi(this.#o.version));
      return reply.type('application/json; charset=utf-8').send(this.#openApi);
    }
    const route: ApiRoute = API[name];
    const { params, query, body, headers } = request;
    const expected = route.ifMatch ? revisionOf(headers['if-match']) : undefined;
    const answer = await this.#call({ route: name, visitor, params, query, body, expected, key: keyOf(request) });
    const revision = revisionIn(answer);
    if (revision !== undefined) reply.header('etag', `"${revision}"`);
    // What one user may see is not for another one of the same browser.
    reply.header('cache-control', 'no-store');
    if (route.answer === 'open-metrics') return reply.type(OPEN_METRICS).send(answer);
    if (route.answer === 'jpeg') return reply.type('image/jpeg').send(Buffer.from(answer as Uint8Array));
    return reply.send(answer);
  }

  /** What concerns users is answered here, everything else by the node. */
  async #call(call: ApiCall<AccessName | NodeName>): Promise<unknown> {
    if (!isAboutAccess(call)) {
      // What is refused here does not cost the node anything.
      parametersOf(call);
      return this.#o.node.call(call as ApiCall);
    }
    await this.#o.beforeAccess?.();
    const answer = await this.#access.call(call);
    if (API[call.route].method !== 'GET') await this.#o.onAccessChange?.();
    return answer;
  }

  /** Live video: the process that has it makes the answer to an offer, and this one watches who may go on looking. */
  async #answerLive(
    name: WhepName,
    visitor: Visitor,
    { params, query, body, headers, raw }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    parametersOf({ route: name, visitor, params, query });
    void reply.header('cache-control', 'no-store');
    if (name === 'endWhep') {
      const { camera, session } = checked(API.endWhep.params, params, 'path');
      this.#live.end(camera, session);
      return reply.send({});
    }
    const route = API[name];
    if (headers['content-type']?.split(';')[0] !== route.body.as)
      throw new UsageError(`Content-Type: ${route.body.as} is expected`);
    const text = checked(route.body.schema, body, 'body');
    refuseUnlessStill(visitor);
    if (name === 'whepCandidates') {
      const { camera, session } = checked(API.whepCandidates.params, params, 'path');
      await this.#live.addCandidates(camera, session, text);
      return reply.code(204).send();
    }
    const { camera } = checked(API.whep.params, params, 'path');
    const socketPath = await this.#o.node.live(camera);
    const ask = { socketPath, camera, isStill: visitor.isStill ?? (() => true) };
    const { session, answer, origin } = await this.#live.open(ask, text);
    // Nobody is left to look.
    if (raw.socket.destroyed) this.#live.end(camera, session);
    return reply
      .code(201)
      .headers({
        location: `${API.whep.path.replace('{camera}', camera)}/${session}`,
        etag: `"${session}"`,
        [RTP_ORIGIN_HEADER]: origin,
      })
      .type('application/sdp')
      .send(answer);
  }

  /** Throws for a movie that cannot begin. */
  async #openMovie(request: FastifyRequest): Promise<void> {
    const visitor = this.#visitorOf(request);
    const { params, query, headers, raw } = request;
    parametersOf({ route: 'movie', visitor, params, query });
    if (headers.upgrade?.toLowerCase() !== 'websocket') throw new UsageError('Upgrade: a WebSocket is expected');
    refuseUnlessStill(visitor);
    const { camera } = checked(API.movie.params, params, 'path');
    const { stream } = checked(API.movie.query, query, 'query');
    const socketPath = await this.#o.node.live(camera);
    const ask = { socketPath, camera, isStill: visitor.isStill ?? (() => true) };
    const movie = await this.#live.movie(ask, stream);
    if (raw.socket.destroyed) movie.destroy();
    // Also when there is no upgrade in the end.
    raw.socket.once('close', () => movie.destroy());
    this.#movies.set(request, movie);
  }

  /** Pictures, one after the other: each is asked for with the rights that the viewer has then. */
  async #answerMjpeg(visitor: Visitor, { params, query }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    parametersOf({ route: 'mjpeg', visitor, params, query });
    const { camera } = checked(API.mjpeg.params, params, 'path');
    const { annotated, fps } = checked(API.mjpeg.query, query, 'query');
    const call: ApiCall = {
      route: 'snapshot',
      visitor,
      params: { camera },
      query: annotated === undefined ? {} : { annotated },
      body: undefined,
      expected: undefined,
      key: undefined,
    };
    const wish = { fps, picture: async () => (await this.#o.node.call(call)) as Uint8Array };
    const first = await this.#mjpeg.first(wish);
    reply.hijack();
    await this.#mjpeg.serve(reply.raw, first, wish);
    return reply;
  }

  /** Bytes of recordings: from the process that has them. */
  async #media(name: MediaName, visitor: Visitor, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const route: ApiRoute = API[name];
    const { camera } = checked(API[name].params, request.params, 'path');
    refuseUnlessSees(visitor, route, { camera });
    checked(API[name].query as z.ZodType, request.query, 'query');
    refuseUnlessStill(visitor);
    return passOn(this.#playback, camera, route.path.slice(route.path.lastIndexOf('/') + 1), request, reply);
  }

  /** Zones and rules that are tried: the node says what is to be played, and the process that has the results plays it. */
  async #preview(visitor: Visitor, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { params, query, body } = request;
    const call: ApiCall = { route: 'previewRules', visitor, params, query, body, expected: undefined, key: undefined };
    parametersOf(call);
    const playback = this.#playback;
    const task = (await this.#o.node.call(call)) as PreviewTask;
    return passOn(playback, task.camera, 'preview', request, reply, task);
  }

  /** @throws VigiaError `no_recordings` */
  get #playback(): string {
    const { playback } = this.#o.node;
    if (playback === undefined) throw new VigiaError('no_recordings', 'this node has no recordings');
    return playback;
  }

  /** What streams show to somebody. */
  #streamOf({ identity }: Visitor): StreamedNode {
    const { node } = this.#o;
    return !identity || identity.cameras === 'all' ? node : grantedStream(node, identity.cameras);
  }

  #visitorOf(request: FastifyRequest): Visitor {
    const visitor = this.#visitors.get(request);
    if (visitor) return visitor;
    throw new VigiaError('internal', 'a request without a visitor');
  }

  /** Throws for a stream that cannot begin. */
  async #checkStream(name: StreamName, request: FastifyRequest): Promise<void> {
    const wish = wishOf(name, request);
    const visitor = this.#visitorOf(request);
    // Its pictures are for who may have a snapshot.
    if (wish.pictures) this.#audit.refusing(visitor, name, () => refuseUnlessMay(visitor, API.snapshot));
    this.#streams.checkRoom();
    const { node } = this.#o;
    await node.attend();
    const after = wish.after === undefined ? undefined : await node.resume(wish.after);
    this.#wishes.set(request, { ...wish, after });
  }

  #serve({ isStill }: Entrance, request: FastifyRequest, open: () => ReturnType<typeof sseOutlet>): void {
    const visitor = this.#visitorOf(request);
    const wish = this.#wishes.get(request);
    if (!wish) throw new VigiaError('internal', 'a stream that was not checked');
    const { identity } = visitor;
    this.#streams.serve(open(), {
      ...wish,
      name: `stream of ${nameOf(visitor)}`,
      node: this.#streamOf(visitor),
      isStill: () => identity !== undefined && isStill(identity),
    });
  }
}

/** Routes of live video over WebRTC. */
type WhepName = Exclude<LiveName, 'mjpeg' | 'movie'>;

function isLive(name: ApiName): name is WhepName {
  return Object.hasOwn(LIVE_API, name);
}

/** `{name}` as the server writes it. */
function urlOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function isMedia(name: ApiName): name is MediaName {
  return (MEDIA_NAMES as readonly string[]).includes(name);
}

function isAboutAccess(call: ApiCall<AccessName | NodeName>): call is ApiCall<AccessName> {
  return Object.hasOwn(ACCESS_API, call.route);
}
