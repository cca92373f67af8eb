import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether all of it came. */
  readonly complete: boolean;
}

/** Asks a server on a Unix socket, over a connection of its own. */
export function askSocket(
  socketPath: string,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => undefined);
      response.on('close', () => {
        const { statusCode: status = 0, headers: sent, complete } = response;
        resolve({ status, headers: sent, body: Buffer.concat(chunks), complete });
      });
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** An answer that has begun. */
export interface Unread {
  readonly asking: ClientRequest;
  /** Reads it to its end. */
  readonly rest: () => Promise<Answer>;
}

/** Asks, and reads nothing: the answer stays in the buffers of the socket. */
export function askAndWait(socketPath: string, path: string): Promise<Unread> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false }, (response) => {
      const rest = (): Promise<Answer> =>
        new Promise((settled) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', () => undefined);
          response.on('close', () => {
            const { statusCode: status = 0, headers, complete } = response;
            settled({ status, headers, body: Buffer.concat(chunks), complete });
          });
        });
      resolve({ asking, rest });
    });
    asking.on('error', reject);
    asking.end();
  });
}
