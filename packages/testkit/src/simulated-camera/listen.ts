import type { Server } from 'node:net';
import { codeOf, messageOf, VigiaError } from '@vigia/base';

/**
 * Resolves when the server listens, and removes its `error` listener.
 *
 * @throws VigiaError `port_in_use` or `listen_failed`.
 */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenError(error: Error, host: string, port: number): VigiaError<'port_in_use' | 'listen_failed'> {
  const where = `${host}:${port}`;
  if (codeOf(error) === 'EADDRINUSE') {
    return new VigiaError('port_in_use', `${where} is already in use: a free port is needed, 0 takes any`, {
      path: 'port',
      cause: error,
    });
  }
  const message = `${where} cannot be listened on (${messageOf(error)}): an address of this machine and a port that is allowed are needed`;
  return new VigiaError('listen_failed', message, { path: 'host', cause: error });
}

/** The given or assigned port. The server must be listening on TCP. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address.port;
  throw new VigiaError('internal', 'the listening socket has no port');
}

/** The address as part of a URL. The unspecified address is valid for listening, not for connecting. */
export function hostInUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
