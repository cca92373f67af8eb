import { chmodSync, rmSync } from 'node:fs';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import type { CameraReport, Report } from '@vigia/contracts';
import { fastify } from 'fastify';

/** What the control plane needs from the node. */
export interface ControlledNode {
  report(): Promise<Report>;
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
    void reply.code(error instanceof VigiaError ? 409 : 500).send({ error: { code, message: messageOf(error) } });
  });
  server.get('/api/v1/report', () => node.report());
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get<{ Params: { id: string }; Querystring: { annotated?: string } }>(
    '/api/v1/cameras/:id/snapshot.jpg',
    async (request, reply) => {
      const camera = node.camera(request.params.id);
      if (!camera) {
        const message = `there is no camera "${request.params.id}"; this node has ${node.cameraIds.join(', ') || 'none'}`;
        return reply.code(404).send({ error: { code: 'not_found', message } });
      }
      const jpeg = await camera.picture(request.query.annotated === '1');
      return reply.type('image/jpeg').send(Buffer.from(jpeg));
    },
  );
  await server.listen({ path: socketPath });
  // The folder protects it; this does too, where the folder was made by somebody else.
  chmodSync(socketPath, 0o600);
  return async () => {
    await server.close();
    rmSync(socketPath, { force: true });
  };
}
