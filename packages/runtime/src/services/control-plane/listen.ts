import { chmodSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import type { FastifyInstance } from 'fastify';
import type { Api } from './api-server.ts';
import { refuseForeign } from './guard.ts';

/** Connections that may be open at the same time. */
const CONNECTIONS = 512;

/** An address of this machine's loopback interface. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Something that listens. Closing it cuts open connections. */
export interface Listener {
  close(): Promise<void>;
}

/**
 * Serves the API on a Unix socket that only this user can reach: file permissions stand for a login. Closing removes the
 * socket.
 */
export async function listenOnSocket(path: string, api: Api): Promise<Listener> {
  const by = `control socket (user ${userInfo().username})`;
  const server = await api.server({ by: () => by, references: true });
  await server.listen({ path });
  // The directory protects the socket. So does this, in case another user created the directory.
  chmodSync(path, 0o600);
  return {
    close: async () => {
      await server.close();
      rmSync(path, { force: true });
    },
  };
}

/**
 * Serves the API on a TCP port. There is no login: any program of this machine may do everything.
 *
 * @throws VigiaError `port_in_use`, `cannot_listen`
 */
export async function listenOnPort(address: ListenAddress, api: Api): Promise<Listener> {
  const server = await api.server({ by: (request) => `http (${request.ip})`, references: false, guard: refuseForeign });
  server.server.maxConnections = CONNECTIONS;
  await bind(server, address);
  return server;
}

async function bind(server: FastifyInstance, { host, port }: ListenAddress): Promise<void> {
  try {
    await server.listen({ host: host.replaceAll(/[[\]]/g, ''), port });
  } catch (cause) {
    const inUse = codeOf(cause) === 'EADDRINUSE';
    const why = inUse ? 'is in use: choose another port' : `cannot be used (${codeOf(cause) ?? messageOf(cause)})`;
    const code = inUse ? 'port_in_use' : 'cannot_listen';
    throw new VigiaError(code, `http.listen: ${host}:${port} ${why}`, { cause });
  }
}
