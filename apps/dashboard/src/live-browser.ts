import type { Browser } from './connection.ts';
import type { LiveBrowser, LiveReply } from './live-view.ts';

/** The browser as the live view needs it. `csrf`: the token of the session; null without one. */
export function liveBrowser(
  { now, after }: Pick<Browser, 'now' | 'after'>,
  csrf: () => string | null,
): LiveBrowser<MediaStreamTrack> {
  return {
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
  };
}
