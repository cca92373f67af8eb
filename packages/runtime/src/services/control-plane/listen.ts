import type { Socket } from 'node:net';
import { chmodSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { codeOf, messageOf, peerUser, VigiaError } from '@vigia/base';
import type { FastifyRequest } from 'fastify';
import { type AccessControl, addressName, unlimited } from '#core/access';
import type { HttpApi } from './http-api.ts';
import { servePage } from './page-files.ts';
import { foreignGuard } from './guard.ts';
import { type ApiServer, ownerOf, type Tls, type Visitor } from './visitors.ts';

/** Connections that may be open at the same time, in all and from one address. */
const CONNECTIONS = 512;
const CONNECTIONS_OF_ADDRESS = 256;

/** Where the API listens over TCP. */
export interface ListenAddress {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Further names under which browsers find it. */
  readonly names: readonly string[];
  /** Undefined: without TLS. */
  readonly tls: Tls | undefined;
}

/** Something that listens. Closing it cuts open connections. */
export interface Listener {
  close(): Promise<void>;
}

/** A TCP port that listens. */
export interface PortListener extends Listener {
  /** Uses another certificate for new connections. Only with TLS. */
  renew(tls: Tls): void;
}

/**
 * Serves the API on a Unix socket that only this user can reach: file permissions stand for a login, and the kernel says who
 * connects. Closing removes the socket.
 */
export async function listenOnSocket(path: string, api: HttpApi): Promise<Listener> {
  const identity = unlimited(`control socket (user ${userInfo().username})`);
  const visitor: Visitor = { identity, from: '', trusted: true };
  const server = await api.server({ visitor: () => visitor, isStill: () => true });
  server.server.on('connection', refuseStrangers);
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

/** Ends the connection of any user but the node's own and root. Unknown: the file's permissions count alone. */
function refuseStrangers(socket: Socket): void {
  const user = peerUser(socket);
  if (user !== undefined && user !== 0 && user !== process.getuid?.()) socket.destroy();
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(host);
}

/**
 * Serves the API on a TCP port. A node without users has no login: any program of this machine may do everything, and
 * other machines nothing.
 *
 * @throws VigiaError `port_in_use`, `cannot_listen`
 */
export async function listenOnPort(address: ListenAddress, api: HttpApi, access: AccessControl): Promise<PortListener> {
  const { host, names, tls } = address;
  const isOpen = !isLoopback(host);
  const guard = foreignGuard({ names, isOpen });
  const server = await api.server({
    visitor: (request) => {
      guard(request);
      const login = loginOf(request, access, isOpen);
      const { identity } = login;
      const isStill = identity && (() => access.isStill(identity));
      return { ...login, from: request.ip, isStill, trusted: false };
    },
    isStill: (identity) => access.isStill(identity),
    tls,
  });
  servePage(server);
  limitConnections(server);
  await bind(server, address);
  return { close: () => server.close(), renew: (next) => server.server.setSecureContext(next) };
}

/** A login that is not valid is no obstacle to routes that need none: a new login is one of them. */
function loginOf(
  request: FastifyRequest,
  access: AccessControl,
  isOpen: boolean,
): Pick<Visitor, 'identity' | 'refusal'> {
  if (!access.hasUsers) return { identity: isOpen ? undefined : unlimited('http') };
  try {
    return { identity: ownerOf(request, access) };
  } catch (error) {
    if (error instanceof VigiaError) return { identity: undefined, refusal: error };
    throw error;
  }
}

/** One address must not be able to take all connections. */
function limitConnections({ server }: ApiServer): void {
  const open = new Map<string, number>();
  server.maxConnections = CONNECTIONS;
  server.on('connection', (socket: Socket) => {
    const from = addressName(socket.remoteAddress ?? '');
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > CONNECTIONS_OF_ADDRESS) socket.destroy();
  });
}

async function bind(server: ApiServer, { host, port }: ListenAddress): Promise<void> {
  try {
    await server.listen({ host: host.replaceAll(/[[\]]/g, ''), port });
  } catch (cause) {
    const inUse = codeOf(cause) === 'EADDRINUSE';
    const why = inUse ? 'is in use: choose another port' : `cannot be used (${codeOf(cause) ?? messageOf(cause)})`;
    const code = inUse ? 'port_in_use' : 'cannot_listen';
    throw new VigiaError(code, `http.listen: ${host}:${port} ${why}`, { cause });
  }
}
