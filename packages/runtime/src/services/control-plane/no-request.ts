import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { codeOf } from '@vigia/base';
import type { ApiServer } from './visitors.ts';

/** What Node's parser found, by its code: status and sentence. Anything else is 400. */
const FOUND: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'headers: at most 16 KiB are allowed'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive within 30 s'],
};

/**
 * Answers what is no request, so that nothing of the server can: in the form of every other error. Then the connection
 * ends.
 */
export function refuseBytes(error: Error, socket: Duplex): void {
  const [status, message] = FOUND[codeOf(error) ?? ''] ?? [400, 'this is no valid HTTP request'];
  refuseOn(socket, status, message);
}

/** The same for what Node and the server of WebSockets would answer by themselves: expectations, handshakes. */
export function refuseOddities({ server, websocketServer }: ApiServer): void {
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const body = bodyOf('Expect: only 100-continue is understood');
    const length = Buffer.byteLength(body);
    response.writeHead(417, { 'content-type': TYPE, 'content-length': length, connection: 'close' }).end(body);
  });
  websocketServer.on('wsClientError', (error, socket) =>
    refuseOn(socket, 400, `this is no handshake of a WebSocket: ${error.message}`),
  );
}

const TYPE = 'application/json; charset=utf-8';

function bodyOf(message: string): string {
  return JSON.stringify({ error: { code: 'bad_request', message } });
}

function refuseOn(socket: Duplex, status: number, message: string): void {
  const body = bodyOf(message);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${TYPE}`;
  if (socket.writable) socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  socket.destroy();
}
