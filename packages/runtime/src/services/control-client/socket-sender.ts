import { request } from 'node:http';
import type { Sender } from '@vigia/client';

/** Sends requests over a node's control socket. */
export function socketSender(socketPath: string): Sender {
  return ({ method, path, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath, path, method, headers, signal }, (response) => {
        resolve({ status: response.statusCode ?? 0, body: response });
      });
      asked.on('error', reject);
      asked.end(body);
    });
}
