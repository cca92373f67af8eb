import { request } from 'node:http';
import { VigiaError } from '@vigia/base';
import type { Sender } from '@vigia/client';

/** Sends requests over a node's control socket. */
export function socketSender(socketPath: string): Sender {
  return ({ method, path, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath, path, method, headers, signal }, (response) => {
        resolve({ status: response.statusCode ?? 0, body: response });
      });
      asked.on('error', reject);
      // A connection that ends without an answer, or changes to another protocol, would never settle.
      asked.on('close', () => reject(new VigiaError('gone', 'the node closed the connection without an answer')));
      asked.end(body);
    });
}
