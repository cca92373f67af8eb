import { statSync } from 'node:fs';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { peerUser, VigiaError } from '@vigia/base';
import type { Sender } from '@vigia/client';

/**
 * Sends requests over a node's control socket. Who listens there must be this user or root; root believes the owner of the
 * socket's folder, too.
 */
export function socketSender(socketPath: string): Sender {
  return ({ method, path, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath, path, method, headers, signal }, (response) => {
        resolve({ status: response.statusCode ?? 0, body: response });
      });
      asked.on('error', reject);
      asked.on('socket', (socket) => {
        // A kept connection was looked at when it was made.
        if (!socket.connecting) return;
        socket.once('connect', () => {
          const stranger = strangerAt(socket, socketPath);
          if (stranger !== undefined) asked.destroy(new VigiaError('no_answer', `${socketPath}: ${stranger}`));
        });
      });
      // A connection that ends without an answer, or changes to another protocol, would never settle.
      asked.on('close', () => reject(new VigiaError('gone', 'the node closed the connection without an answer')));
      asked.end(body);
    });
}

/** Why the listening process is not believed; undefined: it is. */
function strangerAt(socket: Socket, socketPath: string): string | undefined {
  const user = peerUser(socket);
  const own = process.getuid?.() ?? 0;
  const owner = own === 0 ? statSync(dirname(socketPath), { throwIfNoEntry: false })?.uid : own;
  if (user === undefined || user === 0 || user === owner) return undefined;
  return `user ${user} listens there, not user ${owner}: somebody else took the node's place`;
}
