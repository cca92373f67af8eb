import { chmodSync, rmSync } from 'node:fs';
import { codeOf, messageOf, redact, UsageError, VigiaError } from '@vigia/base';
import {
  type CameraReport,
  type Config,
  type EventQuery,
  eventQuerySchema,
  type HealthProblem,
  ID_PATTERN,
  type NodeEvent,
  type Report,
} from '@vigia/contracts';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { CameraSetup } from '#core/camera-link';
import { nodeRoutes, type WatchedNode } from './node-routes.ts';

/** One revision of the node's configuration document. */
export interface ConfigRevision {
  readonly revision: number;
  readonly at: string;
  readonly by: string;
  readonly changes: readonly string[];
}

/** The part of the node that the control plane uses. A change resolves with its result. */
export interface ControlledNode extends WatchedNode {
  report(): Promise<Report>;
  /** Empty when all is well. */
  health(): readonly HealthProblem[];
  /** Reads the configuration again and applies the differences. `text` describes them. */
  reload(): Promise<{ readonly text: string }>;
  putCamera(id: string, settings: unknown): Promise<object>;
  removeCamera(id: string): Promise<object>;
  restartCamera(id: string): Promise<void>;
  /** Resolves when the worker of a camera's consumer is ready again. */
  restartWorker(id: string, consumer: string): Promise<void>;
  /** Stored events, oldest first. */
  events(query: EventQuery): Promise<readonly NodeEvent[]>;
  camera(id: string): ControlledCamera | undefined;
  readonly cameraIds: readonly string[];
  /** The document in force, without secrets. */
  readonly config: ConfigRevision & { readonly document: Config };
  readonly revisions: readonly ConfigRevision[];
  /**
   * One line per path that a document would change. @param file The text is a new version of the node's file, with this
   * name.
   */
  previewConfig(text: string, file: string | undefined): readonly string[];
  /** Replaces the document. @param expected Rejects unless this is the current revision. */
  putConfig(text: string, expected: number | undefined): Promise<object>;
}

/** A camera of {@link ControlledNode}. */
export interface ControlledCamera {
  readonly setup: Pick<CameraSetup, 'consumers'>;
  recentReport(): CameraReport;
  picture(annotated: boolean): Promise<Uint8Array>;
}

/** Invalid input is 400, a revision conflict 412; a change that the node cannot make now is 409. */
function statusOf(error: unknown): number {
  if (error instanceof UsageError) return 400;
  if (error instanceof VigiaError) return error.code === 'conflict' ? 412 : 409;
  const own = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof own === 'number' ? own : 500;
}

/** Longest document, bytes. */
const DOCUMENT_LIMIT = 1024 * 1024;

/**
 * Serves HTTP (routes of `/api/v1`) on a Unix socket that only this user can reach. Opens no network port.
 *
 * @returns a function that stops it and removes the socket.
 */
export async function serveControl(socketPath: string, node: ControlledNode): Promise<() => Promise<void>> {
  const server = fastify({ logger: false, forceCloseConnections: true, bodyLimit: DOCUMENT_LIMIT });
  // Documents arrive as text, JSON or YAML, and are parsed with the configuration's parser.
  server.addContentTypeParser(['application/yaml', 'text/plain'], { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  server.setErrorHandler((error, _request, reply) => {
    const code = codeOf(error) ?? 'internal';
    const status = statusOf(error);
    void reply.code(status).send({ error: { code, message: redact(messageOf(error)) } });
  });
  server.get('/api/v1/report', () => node.report());
  server.get('/healthz', (_request, reply) => {
    const problems = node.health();
    if (problems.length === 0) return { status: 'ok', problems };
    const message = problems.map((problem) => problem.message).join('\n');
    return reply.code(503).send({ status: 'failing', problems, error: { code: 'failing', message } });
  });
  server.get<{ Querystring: unknown }>('/api/v1/events', async ({ query }) => {
    const parsed = eventQuerySchema.safeParse(query);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new UsageError(`events: ${issue?.path.join('.') || 'query'}: ${issue?.message ?? 'wrong'}`);
    }
    return { events: await node.events(parsed.data) };
  });
  server.post('/api/v1/reload', () => node.reload());
  nodeRoutes(server, node);
  cameraRoutes(server, node);
  configRoutes(server, node);
  await server.listen({ path: socketPath });
  // The directory protects the socket. So does this, in case another user created the directory.
  chmodSync(socketPath, 0o600);
  return async () => {
    await server.close();
    rmSync(socketPath, { force: true });
  };
}

function cameraRoutes(server: FastifyInstance, node: ControlledNode): void {
  type OfCamera = { Params: { id: string }; Querystring: { annotated?: string } };
  type OfConsumer = { Params: { id: string; consumer: string } };
  const notFound = (id: string, reply: FastifyReply): FastifyReply => {
    const message = `there is no camera "${id}"; this node has ${node.cameraIds.join(', ') || 'none'}`;
    return reply.code(404).send({ error: { code: 'not_found', message } });
  };
  server.get('/api/v1/cameras', () =>
    Object.fromEntries(node.cameraIds.map((id) => [id, node.camera(id)?.recentReport()])),
  );
  server.put<OfCamera & { Body: unknown }>('/api/v1/cameras/:id', ({ params: { id }, body }) => {
    if (!ID_PATTERN.test(id)) throw new UsageError(`"${id}" is no camera id`);
    return node.putCamera(id, body);
  });
  server.delete<OfCamera>('/api/v1/cameras/:id', async ({ params: { id } }, reply) =>
    node.camera(id) ? node.removeCamera(id) : notFound(id, reply),
  );
  server.post<OfCamera>('/api/v1/cameras/:id/restart', async ({ params: { id } }, reply) => {
    if (!node.camera(id)) return notFound(id, reply);
    await node.restartCamera(id);
    return {};
  });
  server.post<OfConsumer>('/api/v1/cameras/:id/consumers/:consumer/restart', async ({ params }, reply) => {
    const { id, consumer } = params;
    const camera = node.camera(id);
    if (!camera) return notFound(id, reply);
    // Not those of the counters: a camera that has just started has none.
    const { consumers } = camera.setup;
    const found = consumers.find((one) => one.id === consumer);
    if (found?.kind === 'worker') {
      await node.restartWorker(id, consumer);
      return {};
    }
    const workers = consumers.filter(({ kind }) => kind === 'worker').map((one) => one.id);
    const what = found ? `has no worker of its own: it looks through model ${found.model}` : 'is not there';
    const message = `consumer "${consumer}" of camera ${id} ${what}; consumers with workers: ${workers.join(', ') || 'none'}`;
    return reply.code(found ? 400 : 404).send({ error: { code: found ? 'usage' : 'not_found', message } });
  });
  server.get<OfCamera>('/api/v1/cameras/:id/snapshot.jpg', async ({ params: { id }, query }, reply) => {
    const camera = node.camera(id);
    if (!camera) return notFound(id, reply);
    const jpeg = await camera.picture(query.annotated === '1');
    return reply.type('image/jpeg').send(Buffer.from(jpeg));
  });
}

function configRoutes(server: FastifyInstance, node: ControlledNode): void {
  server.get('/api/v1/config', (_request, reply) => {
    const { config } = node;
    return reply.header('etag', `"${config.revision}"`).send(config);
  });
  server.get('/api/v1/config/revisions', () => node.revisions);
  server.put<{ Body: unknown; Querystring: { dry_run?: string; file?: string } }>('/api/v1/config', (request) => {
    const { body, query, headers } = request;
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
    if (query.dry_run === '1') return { revision: node.config.revision, changes: node.previewConfig(text, query.file) };
    if (query.file !== undefined)
      throw new UsageError('file: allowed with dry_run=1 only; the node reads its own file on a reload');
    return node.putConfig(text, revisionOf(headers['if-match']));
  });
}

/** @throws UsageError for an invalid revision. */
function revisionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined) return undefined;
  const revision = /^"(\d{1,15})"$/.exec(ifMatch)?.[1];
  if (revision === undefined) throw new UsageError('If-Match: a revision in quotation marks is expected, such as "3"');
  return Number(revision);
}
