import { chmodSync, rmSync } from 'node:fs';
import { codeOf, messageOf, redact, UsageError, VigiaError } from '@vigia/base';
import type { CameraReport, Report } from '@vigia/contracts';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';

/** What somebody must look at; empty when all is well. */
export type NodeHealth = readonly { readonly code: string; readonly message: string }[];

/** What the control plane needs from the node. */
export interface ControlledNode {
  report(): Promise<Report>;
  health(): NodeHealth;
  /** Reads the configuration again and applies what differs; says what that was. */
  reload(): Promise<object>;
  removeCamera(id: string): Promise<unknown>;
  restartCamera(id: string): Promise<void>;
  /** Resolves when the worker of a camera's consumer is ready again. */
  restartWorker(id: string, consumer: string): Promise<void>;
  camera(id: string): { recentReport(): CameraReport; picture(annotated: boolean): Promise<Uint8Array> } | undefined;
  readonly cameraIds: readonly string[];
}

/**
 * Answers the command line over a Unix socket that only this user can reach (HTTP, routes of `/api/v1`). No network
 * port is opened.
 *
 * @returns a function that stops it and removes the socket.
 */
export async function serveControl(socketPath: string, node: ControlledNode): Promise<() => Promise<void>> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  server.setErrorHandler((error, _request, reply) => {
    const code = codeOf(error) ?? 'internal';
    const status = error instanceof UsageError ? 400 : error instanceof VigiaError ? 409 : 500;
    void reply.code(status).send({ error: { code, message: redact(messageOf(error)) } });
  });
  server.get('/api/v1/report', () => node.report());
  server.get('/healthz', (_request, reply) => {
    const problems = node.health();
    if (problems.length === 0) return { status: 'ok', problems };
    const message = problems.map((problem) => problem.message).join('\n');
    return reply.code(503).send({ status: 'failing', problems, error: { code: 'failing', message } });
  });
  server.post('/api/v1/reload', () => node.reload());
  cameraRoutes(server, node);
  await server.listen({ path: socketPath });
  // The folder protects it; this does too, where the folder was made by somebody else.
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
    const consumers = Object.entries(camera.recentReport().consumers);
    const found = consumers.find(([name]) => name === consumer)?.[1];
    if (found?.kind === 'worker') {
      await node.restartWorker(id, consumer);
      return {};
    }
    const workers = consumers.filter(([, { kind }]) => kind === 'worker').map(([name]) => name);
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
