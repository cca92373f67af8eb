import { UsageError } from '@vigia/base';
import { type LogAnswer, type LogQuery, logQuerySchema, type NodeStatus } from '@vigia/contracts';
import type { FastifyInstance } from 'fastify';

/** The part of the node behind the routes of the whole node. */
export interface WatchedNode {
  /** The latest known values. Asks no process. */
  status(): NodeStatus;
  /** Records of the log that the node still has. */
  logs(query: LogQuery): LogAnswer;
  /** Ends the node like SIGTERM. Returns at once. */
  stop(): void;
}

/** Registers `GET /api/v1/status`, `GET /api/v1/logs` and `POST /api/v1/stop`. */
export function nodeRoutes(server: FastifyInstance, node: WatchedNode): void {
  server.get('/api/v1/status', () => node.status());
  server.get<{ Querystring: unknown }>('/api/v1/logs', ({ query }) => {
    const parsed = logQuerySchema.safeParse(query);
    if (parsed.success) return node.logs(parsed.data);
    const [issue] = parsed.error.issues;
    throw new UsageError(`logs: ${issue?.path.join('.') || 'query'}: ${issue?.message ?? 'wrong'}`);
  });
  // The end closes open connections, so it begins when the answer has been sent.
  const onResponse = async (): Promise<void> => node.stop();
  server.post('/api/v1/stop', { onResponse }, () => {
    const { node: name, pid } = node.status();
    return { node: name, pid };
  });
}
