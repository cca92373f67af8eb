import { type Clock, type Log, messageOf, UsageError, VigiaError } from '@vigia/base';
import { eventIdSchema } from '@vigia/contracts';
import { API, API_NAMES, type ApiName, type ApiRoute } from '@vigia/contracts/api';
import webSocket from '@fastify/websocket';
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RouteHandlerMethod,
  type RouteOptions,
} from 'fastify';
import { z } from 'zod';
import type { ControlledNode } from './controlled-node.ts';
import { type AnswerName, type Asked, handlersOf, NotWell } from './handlers.ts';
import { NodeStreams, type StreamWish } from './node-streams.ts';
import { sseOutlet, webSocketOutlet } from './outlet.ts';
import { checked, type Refusal, refusalOf } from './refusal.ts';
import { Repeats } from './repeats.ts';
import { eventsOnly, everything } from './stream-formats.ts';

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
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A request, however it arrived. */
export interface ApiCall {
  readonly route: AnswerName;
  /** Who asks, for the record. */
  readonly by: string;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** The change is refused unless this revision is in force. */
  readonly expected: number | undefined;
  /** Of a change: a second request of the same asker with this key does nothing and gets the answer of the first one. */
  readonly key: string | undefined;
}

/** How one listener of the API differs from another. */
export interface Entrance {
  /** Who asks, for the record. */
  readonly by: (request: FastifyRequest) => string;
  /** Whether settings may name variables and files (`${NAME}`), whose values the node then sends to an address beside them. */
  readonly references: boolean;
  /** Throws for a request that must not be answered. */
  readonly guard?: (request: FastifyRequest) => void;
}

const KEY = /^[\x21-\x7E]{1,128}$/;
const lastIdSchema = eventIdSchema.optional();

/** The HTTP API of a node: the same over every listener. Every route is one of `API` in the contracts. */
export class Api {
  readonly #o: ApiOptions;
  readonly #handlers: ReturnType<typeof handlersOf>;
  readonly #repeats: Repeats;
  readonly #streams: NodeStreams;

  constructor(options: ApiOptions) {
    this.#o = options;
    this.#handlers = handlersOf(options.version);
    this.#repeats = new Repeats(options.clock);
    this.#streams = new NodeStreams(options);
  }

  /** A server for one listener. It does not listen yet. */
  async server(entrance: Entrance): Promise<FastifyInstance> {
    const server = fastify({
      logger: false,
      forceCloseConnections: true,
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
    server.addHook('onRequest', async (request) => {
      entrance.guard?.(request);
      if (request.headers.upgrade !== undefined && request.routeOptions.url !== API.stream.path) throw noRoute(request);
    });
    // Before any hook of ours: only then does a refused upgrade close its socket.
    for (const name of API_NAMES) server.route(this.#route(name, entrance));
    return server;
  }

  /**
   * Carries out a request. `stop` only answers; its caller then ends the node.
   *
   * @throws UsageError for a request that is not valid; VigiaError for one that cannot be carried out now.
   */
  async call({ route: name, by, expected, params, query, body, key }: ApiCall): Promise<unknown> {
    const route: ApiRoute = API[name];
    const asked = {
      by,
      expected,
      params: checked(route.params ?? z.unknown(), params, 'path'),
      query: checked(route.query ?? z.strictObject({}), query, 'query'),
      body,
    };
    const work = async (): Promise<unknown> => this.#call(name, asked as Asked<typeof name>);
    if (key === undefined || route.method === 'GET') return work();
    const what = [name, ...[asked.params, asked.query, body, expected].map((part) => JSON.stringify(part ?? null))];
    return this.#repeats.once(`${by} ${key}`, what, work);
  }

  /** The answer to a request that failed. Logs an unexpected failure. @param what The request, for the log. */
  refusal(error: unknown, what: string): Refusal {
    const refusal = refusalOf(error);
    if (refusal.status === 500) this.#o.log.error(`${what}: ${messageOf(error)}`);
    return refusal;
  }

  #route(name: ApiName, entrance: Entrance): RouteOptions {
    const { by } = entrance;
    const { method, path } = API[name];
    const at = { method, url: path.replaceAll(/\{(\w+)\}/g, ':$1') };
    if (name !== 'stream' && name !== 'eventStream') {
      const handler: RouteHandlerMethod = (request, reply) => this.#answer(name, entrance, request, reply);
      return { ...at, handler, ...(name === 'stop' ? { onResponse: this.#stopAfter(by) } : {}) };
    }
    const sse: RouteHandlerMethod = (request, reply) => {
      reply.hijack();
      this.#streams.serve(sseOutlet(reply.raw), wishOf(name, by(request), request));
    };
    const wsHandler: RouteOptions['wsHandler'] = (socket, request) => {
      // What a client sends is bounded, and is not read.
      socket.on('error', () => socket.terminate());
      this.#streams.serve(webSocketOutlet(socket), wishOf(name, by(request), request));
    };
    // Before the upgrade, so that a refusal is an answer like any other.
    const preValidation = (request: FastifyRequest): Promise<void> => this.#checkStream(name, by(request), request);
    return { ...at, preValidation, handler: sse, ...(name === 'stream' ? { wsHandler } : {}) };
  }

  /** The end closes open connections, so it begins when the answer has been sent. */
  #stopAfter(by: Entrance['by']): NonNullable<RouteOptions['onResponse']> {
    return async (request: FastifyRequest, { statusCode }: FastifyReply) => {
      if (statusCode === 200) this.#o.node.stop(by(request));
    };
  }

  #refuse(error: unknown, { method, url }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { status, body } = this.refusal(error, `${method} ${url}`);
    // The problems one by one, besides their sentences.
    const more = error instanceof NotWell ? { status: 'failing', problems: error.problems } : {};
    return reply.code(status).send({ ...more, ...body });
  }

  async #answer(name: AnswerName, entrance: Entrance, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const route: ApiRoute = API[name];
    const { params, query, body, headers } = request;
    if (!entrance.references) refuseReferences(body);
    const expected = route.ifMatch ? revisionOf(headers['if-match']) : undefined;
    const by = entrance.by(request);
    const answer = await this.call({ route: name, by, params, query, body, expected, key: keyOf(request) });
    const revision = revisionIn(answer);
    if (revision !== undefined) reply.header('etag', `"${revision}"`);
    if (route.answer === 'open-metrics') return reply.type(OPEN_METRICS).send(answer);
    if (route.answer === 'jpeg') return reply.type('image/jpeg').send(Buffer.from(answer as Uint8Array));
    return reply.send(answer);
  }

  #call<N extends AnswerName>(name: N, asked: Asked<N>): unknown {
    return this.#handlers[name](this.#o.node, asked);
  }

  /** Throws for a stream that cannot begin. */
  async #checkStream(name: StreamName, by: string, request: FastifyRequest): Promise<void> {
    const { after } = wishOf(name, by, request);
    this.#streams.checkRoom();
    // Without a store nothing can be resumed.
    if (after !== undefined) await this.#o.node.events({ after, limit: 1 });
  }
}

type StreamName = Exclude<ApiName, AnswerName>;

function wishOf(name: StreamName, by: string, { query, headers }: FastifyRequest): StreamWish {
  const asked = checked(API[name].query, query, 'query');
  const after = checked(lastIdSchema, headers['last-event-id'] ?? asked.after, 'Last-Event-ID');
  const what = 'types' in asked ? everything(asked.types.split(','), asked.camera) : eventsOnly();
  return { name: `stream of ${by}`, after, ...what };
}

/** @throws UsageError for an invalid key. */
function keyOf({ method, headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined || method === 'GET') return undefined;
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new UsageError('Idempotency-Key: 1 to 128 printable characters without spaces are allowed');
}

/** @throws UsageError: the environment and files of the node are for those who may read them. */
function refuseReferences(body: unknown): void {
  if (JSON.stringify(body ?? null).includes('${'))
    throw new UsageError(
      'body: references such as ${NAME} are not filled in over a port without a login; use the control socket or the file',
    );
}

function noRoute({ method, url }: FastifyRequest): VigiaError {
  return new VigiaError(
    'not_found',
    `there is no ${method} ${url.split('?')[0]}; /api/v1/openapi.json lists what there is`,
  );
}

/** The revision that an answer is about. A repeated answer is about its own, not about the one in force now. */
function revisionIn(answer: unknown): number | undefined {
  if (typeof answer !== 'object' || answer === null || !('revision' in answer)) return undefined;
  return typeof answer.revision === 'number' ? answer.revision : undefined;
}

/** @throws UsageError for an invalid revision. */
function revisionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined) return undefined;
  const revision = /^"(\d{1,15})"$/.exec(ifMatch)?.[1];
  if (revision === undefined) throw new UsageError('If-Match: a revision in quotation marks is expected, such as "3"');
  return Number(revision);
}
