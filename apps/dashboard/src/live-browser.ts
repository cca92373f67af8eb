import type { Browser } from './connection.ts';
import type { LiveBrowser, LiveReply, Player, PlayerEvents, Way } from './live-way.ts';
import { type Playable, moviePlayer } from './movie-player.ts';

/** The way of live video that worked last in this page. */
const first: { way: Way } = { way: 'webrtc' };

/** The browser as the live view needs it. `csrf`: the token of the session; null without one. */
export function liveBrowser(
  { now, after }: Pick<Browser, 'now' | 'after'>,
  csrf: () => string | null,
): LiveBrowser<MediaStreamTrack | Playable> {
  return {
    first,
    now,
    after,
    async request(method, path, { body, timeoutMs }): Promise<LiveReply> {
      const token = csrf();
      const answer = await fetch(path, {
        method,
        headers: {
          ...(token === null ? {} : { 'x-csrf-token': token }),
          ...(body === undefined ? {} : { 'content-type': 'application/sdp' }),
        },
        ...(body === undefined ? {} : { body }),
        cache: 'no-store',
        keepalive: method === 'DELETE',
        signal: AbortSignal.timeout(timeoutMs),
      });
      return {
        status: answer.status,
        body: await answer.text(),
        location: answer.headers.get('location'),
        origin: answer.headers.get('x-vigia-rtp-origin'),
      };
    },
    openPeer() {
      // Without this nobody knows which picture is on the screen, nor how old it is.
      if (!('requestVideoFrameCallback' in HTMLVideoElement.prototype)) throw new Error('no requestVideoFrameCallback');
      return new RTCPeerConnection();
    },
    openSocket(path, { text, binary, closed }) {
      const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')));
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) =>
        typeof data === 'string' ? text(data) : binary(data),
      );
      socket.addEventListener('close', closed);
      return {
        send: (message) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(message);
        },
        close: () => socket.close(),
      };
    },
    openPlayer(mime: string, events: PlayerEvents): Player<Playable> {
      if (!('requestVideoFrameCallback' in HTMLVideoElement.prototype)) throw new Error('no requestVideoFrameCallback');
      return moviePlayer(mime, events);
    },
  };
}
