import { type Clock, type Log, messageOf, VigiaError } from '@vigia/base';
import { API, API_NAMES, type ApiName, type ApiRoute, MEDIA_NAMES, type MediaName } from '@vigia/contracts/api';
import webSocket from '@fastify/websocket';
import { fastify, type FastifyReply, type FastifyRequest, type RouteHandlerMethod, type RouteOptions } from 'fastify';
import { z } from 'zod';
import type { AccessControl } from '#core/access';
import type { AnswerName, Asked } from './asked.ts';
import { Audit, cameraIn, targetOf } from './audit.ts';
import type { ControlledNode } from './controlled-node.ts';
import { grantedNode } from './granted-node.ts';
import { handlersOf, NotWell } from './handlers.ts';
import { passOn } from './media-proxy.ts';
import { refuseBytes, refuseOddities } from './no-request.ts';
import { NodeStreams } from './node-streams.ts';
import { sseOutlet, webSocketOutlet } from './outlet.ts';
import { servePage } from './page-files.ts';
import { checked, type Refusal, refusalOf } from './refusal.ts';
import { Repeats } from './repeats.ts';
import {
  keyOf,
  noRoute,
  refuseDeep,
  refuseReferences,
  revisionIn,
  revisionOf,
  type StreamName,
  wishOf,
} from './requests.ts';
import { SessionRoutes } from './session-routes.ts';
import { discardBody } from './unread-body.ts';
import {
  type ApiServer,
  type Entrance,
  nameOf,
  ownerOfKey,
  refuseUnlessMay,
  refuseUnlessSees,
  refuseUnlessStill,
  type Visitor,
  withoutForeign,
} from './visitors.ts';

/** The content type of OpenMetrics 1.0 text. */
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
/** Longest document, bytes. */
const DOCUMENT_LIMIT = 1024 * 1024;
/** A client must have sent its request within this time. */
const REQUEST_MS = 30_000;
const PARAM_LIMIT = 100;
/** Of a message over a WebSocket, bytes. */
const MESSAGE_LIMIT = 1_024;

/** Options of {@link Api}. */
export interface ApiOptions {
  readonly node: ControlledNode;
  readonly access: AccessControl;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A request, however it arrived. */
export interface ApiCall {
  readonly route: AnswerName;
  readonly visitor: Visitor;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** The change is refused unless this revision is in force. */
  readonly expected: number | undefined;
  /** Of a change: a second request of the same asker with this key does nothing and gets the answer of the first one. */
  readonly key: string | undefined;
}

/** The HTTP API of a node: the same over every listener. Every route is one of `API` in the contracts. */
export class Api {
  readonly #o: ApiOptions;
  readonly #handlers: ReturnType<typeof handlersOf>;
  readonly #repeats: Repeats;
  readonly #streams: NodeStreams;
  readonly #audit: Audit;
  readonly #sessions: SessionRoutes;
  readonly #visitors = new WeakMap<FastifyRequest, Visitor>();

  constructor(options: ApiOptions) {
    const { version, access, clock, node } = options;
    this.#o = options;
    this.#handlers = handlersOf(version, access);
    this.#repeats = new Repeats(clock);
    this.#streams = new NodeStreams(options);
    this.#audit = new Audit(node, clock);
    this.#sessions = new SessionRoutes(access, this.#audit);
    access.onChange(() => this.#streams.checkLogins());
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
    // Before the body is read: it costs nothing to refuse.
    server.addHook('onRequest', async (request) => {
      this.#visitors.set(request, entrance.visitor(request));
      if (request.headers.upgrade !== undefined && request.routeOptions.url !== API.stream.path) throw noRoute(request);
    });
    for (const name of API_NAMES) server.route(this.#route(name, entrance));
    servePage(server);
    return server;
  }

  /**
   * Carries out a request. `stop` only answers; its caller then ends the node.
   *
   * @throws UsageError for a request that is not valid; VigiaError for one that its sender may not make, or that cannot
   *   be carried out now.
   */
  async call({ route: name, visitor, expected, params, query, body, key }: ApiCall): Promise<unknown> {
    const route: ApiRoute = API[name];
    this.#refuseUnlessMay(visitor, name);
    const parameters = checked(route.params ?? z.unknown(), params, 'path');
    refuseUnlessSees(visitor, route, parameters);
    const asked = {
      by: nameOf(visitor),
      identity: visitor.identity,
      trusted: visitor.trusted,
      expected,
      params: parameters,
      query: checked(route.query ?? z.strictObject({}), query, 'query'),
      body,
    };
    refuseDeep(body);
    if (!visitor.trusted) refuseReferences(body);
    refuseUnlessStill(visitor);
    const work = async (): Promise<unknown> => {
      const answer = await withoutForeign(visitor, () => this.#call(name, asked as Asked<typeof name>));
      if (route.method !== 'GET')
        this.#audit.done(visitor, name, targetOf(asked.params, route.body && body), cameraIn(asked.params, answer));
      return answer;
    };
    if (key === undefined || route.method === 'GET') return work();
    const what = [name, ...[asked.params, asked.query, body, expected].map((part) => JSON.stringify(part ?? null))];
    return this.#repeats.once(`${ownerOfKey(visitor)} ${key}`, what, work);
  }

  /** The answer to a request that failed. Logs an unexpected failure. @param what The request, for the log. */
  refusal(error: unknown, what: string): Refusal {
    const refusal = refusalOf(error);
    if (refusal.status === 500) this.#o.log.error(`${what}: ${messageOf(error)}`);
    return refusal;
  }

  #route(name: ApiName, entrance: Entrance): RouteOptions {
    const { method, path } = API[name];
    const at = {
      method,
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      onRequest: async (request: FastifyRequest) => this.#refuseUnlessMay(this.#visitorOf(request), name),
    };
    if (name !== 'stream' && name !== 'eventStream') {
      const handler: RouteHandlerMethod = (request, reply) => this.#answer(name, request, reply);
      return { ...at, handler, ...(name === 'stop' ? { onResponse: this.#stopAfter } : {}) };
    }
    const serve = (request: FastifyRequest, open: () => ReturnType<typeof sseOutlet>): void =>
      this.#serve(name, entrance, request, open);
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

  /** The end closes open connections, so it begins when the answer has been sent. */
  readonly #stopAfter = async (request: FastifyRequest, { statusCode }: FastifyReply): Promise<void> => {
    if (statusCode === 200) this.#o.node.stop(nameOf(this.#visitorOf(request)));
  };

  async #refuse(error: unknown, { method, url, raw }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await discardBody(raw, this.#o.clock);
    const { status, body } = this.refusal(error, `${method} ${url}`);
    if (status === 401) void reply.header('www-authenticate', 'Bearer');
    const { retry_after_s: seconds } = body.error as { readonly retry_after_s?: number };
    if (seconds !== undefined) void reply.header('retry-after', String(seconds));
    // The problems one by one, besides their sentences.
    const more = error instanceof NotWell ? { status: 'failing', problems: error.problems } : {};
    return reply.code(status).send({ ...more, ...body });
  }

  async #answer(name: Exclude<ApiName, StreamName>, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const visitor = this.#visitorOf(request);
    if (name === 'login' || name === 'logout') return this.#sessions[name](visitor, request, reply);
    if (isMedia(name)) return this.#media(name, visitor, request, reply);
    const route: ApiRoute = API[name];
    const { params, query, body, headers } = request;
    const expected = route.ifMatch ? revisionOf(headers['if-match']) : undefined;
    const answer = await this.call({ route: name, visitor, params, query, body, expected, key: keyOf(request) });
    const revision = revisionIn(answer);
    if (revision !== undefined) reply.header('etag', `"${revision}"`);
    // What one user may see is not for another one of the same browser.
    reply.header('cache-control', 'no-store');
    if (route.answer === 'open-metrics') return reply.type(OPEN_METRICS).send(answer);
    if (route.answer === 'jpeg') return reply.type('image/jpeg').send(Buffer.from(answer as Uint8Array));
    return reply.send(answer);
  }

  /** Bytes of recordings: from the process that has them. */
  async #media(name: MediaName, visitor: Visitor, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const route: ApiRoute = API[name];
    const { camera } = checked(API[name].params, request.params, 'path');
    refuseUnlessSees(visitor, route, { camera });
    checked(API[name].query as z.ZodType, request.query, 'query');
    refuseUnlessStill(visitor);
    const { playback } = this.#nodeFor(visitor);
    if (playback === undefined) throw new VigiaError('no_recordings', 'this node has no recordings');
    return passOn(playback, camera, route.path.slice(route.path.lastIndexOf('/') + 1), request, reply);
  }

  #call<N extends AnswerName>(name: N, asked: Asked<N>): unknown {
    return this.#handlers[name](this.#nodeFor(asked), asked);
  }

  /** The node as somebody may see it. */
  #nodeFor({ identity }: Pick<Visitor, 'identity'>): ControlledNode {
    const { node } = this.#o;
    return !identity || identity.cameras === 'all' ? node : grantedNode(node, identity.cameras);
  }

  #visitorOf(request: FastifyRequest): Visitor {
    const visitor = this.#visitors.get(request);
    if (visitor) return visitor;
    throw new VigiaError('internal', 'a request without a visitor');
  }

  #refuseUnlessMay(visitor: Visitor, name: ApiName): void {
    const route: ApiRoute = API[name];
    try {
      refuseUnlessMay(visitor, route);
    } catch (error) {
      if (route.method !== 'GET' && visitor.identity && error instanceof VigiaError)
        this.#audit.refused(visitor, name, null, error.code);
      throw error;
    }
  }

  /** Throws for a stream that cannot begin. */
  async #checkStream(name: StreamName, request: FastifyRequest): Promise<void> {
    const { after } = wishOf(name, request);
    this.#streams.checkRoom();
    // Without a store nothing can be resumed.
    if (after !== undefined) await this.#o.node.events({ after, limit: 1 });
  }

  #serve(
    name: StreamName,
    { isStill }: Entrance,
    request: FastifyRequest,
    open: () => ReturnType<typeof sseOutlet>,
  ): void {
    const visitor = this.#visitorOf(request);
    const { identity } = visitor;
    this.#streams.serve(open(), {
      ...wishOf(name, request),
      name: `stream of ${nameOf(visitor)}`,
      node: this.#nodeFor(visitor),
      isStill: () => identity !== undefined && isStill(identity),
    });
  }
}

function isMedia(name: ApiName): name is MediaName {
  return (MEDIA_NAMES as readonly string[]).includes(name);
}
