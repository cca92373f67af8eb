import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
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

/** The first byte of a connection with TLS: a record of kind `handshake` (RFC 8446, 5.1). */
const HANDSHAKE = 0x16;
/** Who is silent for this long is sent away. Milliseconds. */
const SILENT_MS = 10_000;

/**
 * Who speaks HTTP without TLS to a port with it is sent to the `https` address, or hears it. Without this the connection just
 * ends: a browser says "empty response", and nobody knows why.
 */
export function redirectToTls({ server }: ApiServer): void {
  // That of TLS itself. It takes what was read of the socket before.
  const [begin] = server.listeners('connection');
  if (!begin) return;
  server.off('connection', begin as () => void);
  server.on('connection', (socket: Socket) => {
    const leave = (): void => void socket.destroy();
    socket.on('error', leave).setTimeout(SILENT_MS, leave);
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null;
      if (first?.[0] !== HANDSHAKE) {
        if (first) socket.write(plainAnswer(first.toString('latin1')));
        socket.destroySoon();
        return;
      }
      socket.off('error', leave).setTimeout(0);
      socket.off('timeout', leave);
      socket.unshift(first);
      begin.call(server, socket);
    });
  });
}

/** @param request The first bytes of a request without TLS. */
function plainAnswer(request: string): string {
  const path = /^(?:GET|HEAD) (\/[\x21-\x7e]*) HTTP\/1\.[01]\r\n/.exec(request)?.[1];
  const host = /\r\nHost: *([\w.:[\]-]{1,255}) *\r\n/i.exec(request)?.[1];
  if (path === undefined || host === undefined) return answerOf(400, 'this port speaks TLS: use https://');
  const address = `https://${host}${path}`;
  return answerOf(307, `this port speaks TLS: ${address}`, `Location: ${address}\r\n`);
}

const TYPE = 'application/json; charset=utf-8';

function bodyOf(message: string): string {
  return JSON.stringify({ error: { code: 'bad_request', message } });
}

function refuseOn(socket: Duplex, status: number, message: string): void {
  if (socket.writable) socket.write(answerOf(status, message));
  socket.destroy();
}

/** @param headers Further ones, each with the end of its line. */
function answerOf(status: number, message: string, headers = ''): string {
  const body = bodyOf(message);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${TYPE}\r\n${headers}`;
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
