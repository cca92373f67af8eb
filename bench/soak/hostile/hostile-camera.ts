import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { LOGIN } from './planted.ts';

/** How a camera treats one connection. */
export interface CameraScript {
  /** The bytes in answer to a request; undefined: none. */
  readonly answer: (request: CameraRequest) => Buffer | undefined;
  /** Sent after the answer to PLAY (over HTTP: to the first request), one write each. */
  readonly media: readonly Buffer[];
  /** What follows when all of it was sent. */
  readonly after: 'end' | 'reset' | 'open';
}

/** A request of the product. */
export interface CameraRequest {
  readonly method: string;
  readonly cseq: string;
  /** All of it, as it came. */
  readonly text: string;
}

/** Of a request, characters that are kept. */
const LONGEST_REQUEST = 65_536;
const USER_PART = `${LOGIN.user}:${encodeURIComponent(LOGIN.password)}@`;

/** A server in place of a camera: RTSP or HTTP, byte by byte as scripted. */
export class HostileCamera {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scriptOf: (path: string) => CameraScript | undefined;
  connections = 0;

  private constructor(scriptOf: (path: string) => CameraScript | undefined) {
    this.#scriptOf = scriptOf;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @param scriptOf By the path of the first request of a connection. Undefined: the connection is closed. */
  static async start(scriptOf: (path: string) => CameraScript | undefined): Promise<HostileCamera> {
    const camera = new HostileCamera(scriptOf);
    camera.#server.listen(0, '127.0.0.1');
    await once(camera.#server, 'listening');
    return camera;
  }

  /** The address of a path, with the planted login. */
  url(scheme: 'rtsp' | 'http', path: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${scheme}://${USER_PART}127.0.0.1:${port}/${path}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    let held = '';
    let script: CameraScript | undefined;
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const parts = (held + chunk).slice(-LONGEST_REQUEST).split('\r\n\r\n');
      held = parts.pop() ?? '';
      // The product's answers to requests of ours are not answered.
      for (const text of parts.filter((one) => !one.startsWith('RTSP/'))) {
        script ??= this.#scriptOf(pathIn(text));
        if (script) answer(socket, script, text);
        else socket.destroy();
      }
    });
  }
}

function pathIn(request: string): string {
  return /^\S+ (?:[a-z]+:\/\/[^/]*)?\/?([^\s?]*)/.exec(request)?.[1] ?? '';
}

function answer(socket: Socket, script: CameraScript, text: string): void {
  const method = /([A-Z_]+) \S+ \S+\r\n/.exec(`${text}\r\n`)?.[1] ?? '';
  const bytes = script.answer({ method, cseq: /CSeq: (\d+)/.exec(text)?.[1] ?? '0', text });
  if (socket.destroyed) return;
  if (bytes) socket.write(bytes);
  if (!['PLAY', 'GET'].includes(method)) return;
  for (const part of script.media) socket.write(part);
  if (script.after === 'end') socket.end();
  if (script.after === 'reset') socket.resetAndDestroy();
}

/** The description of a camera with one H.264 track. */
export const SDP =
  'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n';

/** A positive answer. @param body Latin-1. */
export function ok(cseq: string, headers = '', body = ''): string {
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  return `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${headers}${length}\r\n${body}`;
}

/** The right answer to a request. */
export function usual({ method, cseq }: CameraRequest, sdp: string = SDP): string {
  if (method === 'OPTIONS') return ok(cseq, 'Public: DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n');
  if (method === 'DESCRIBE') return ok(cseq, 'Content-Type: application/sdp\r\n', sdp);
  if (method === 'SETUP')
    return ok(cseq, 'Session: 12;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000007\r\n');
  return ok(cseq);
}

/** An interleaved packet. */
export function interleaved(channel: number, packet: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x24, channel, (packet.byteLength >> 8) & 255, packet.byteLength & 255]), packet]);
}
