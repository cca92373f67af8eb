import { createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '@vigia/base';
import type { SourceOptions } from '#core/media';
import { RtspClient } from '../../src/core/media/rtsp/rtsp-client.ts';

/** The answer to a request; undefined: none. */
export type Answer = (method: string, cseq: string, socket: Socket, request: string) => string | undefined;

/** A camera that answers each request as scripted. @param closers Gets what ends it. */
export async function scriptedCamera(
  closers: (() => unknown)[],
  answer: Answer,
): Promise<{ readonly url: string; readonly requests: string[]; readonly sockets: readonly Socket[] }> {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const request of text.split('\r\n\r\n').filter((part) => part.includes('RTSP/1.0'))) {
        requests.push(request);
        const method = /^\$?.*?([A-Z_]+) rtsp/s.exec(request)?.[1] ?? '';
        const reply = answer(method, /CSeq: (\d+)/.exec(request)?.[1] ?? '', socket, request);
        if (reply !== undefined) socket.write(reply, 'latin1');
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const address = server.address();
  return { url: `rtsp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/s`, requests, sockets };
}

/** The description of a camera with one H.264 track. */
export const SDP = 'v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n';
/** A positive answer. */
export const ok = (cseq: string, more = '', body = ''): string =>
  `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${more}${body ? `Content-Length: ${body.length}\r\n` : ''}\r\n${body}`;
/** A BYE on the channel of RTCP. */
export const bye = (ssrc: string): string => `$\x01\x00\x08\x81\xcb\x00\x01${ssrc}`;
/** The answers of a well-behaved camera. */
export function usual(method: string, cseq: string): string {
  if (method === 'DESCRIBE') return ok(cseq, 'Content-Type: application/sdp\r\n', SDP);
  if (method === 'SETUP')
    return ok(cseq, 'Session: 12;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=0-1;ssrc=00000007\r\n');
  return ok(cseq);
}

/** Opens a client that reports nothing, and is closed with the test. */
export async function openClient(
  closers: (() => unknown)[],
  url: string,
  more: Partial<SourceOptions> = {},
  signal?: AbortSignal,
): Promise<RtspClient> {
  const nothing = (): void => undefined;
  const quiet = { clock: systemClock, onFormat: nothing, onUnit: nothing, onEnd: nothing };
  const client = await RtspClient.open({ ...quiet, url, ...more }, signal);
  closers.push(() => client.close());
  return client;
}
