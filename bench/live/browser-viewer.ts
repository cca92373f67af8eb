import type { Page } from 'playwright-core';
import { NUMBER_BITS, NUMBER_SIDE } from './numbered-clip.ts';

/** A picture that a browser showed. */
export interface ShownPicture {
  /** The number in it, read from its pixels. */
  readonly number: number;
  /** Wall time, milliseconds. */
  readonly shownMs: number;
  /** Whether it is one that only had to be decoded: a page does not show it. */
  readonly old: boolean;
}

/** What a browser saw of one view. */
export interface BrowserView {
  /** From the offer to the first picture that is not old, milliseconds. */
  readonly firstMs: number;
  readonly pictures: readonly ShownPicture[];
  readonly lost: number;
  readonly decoded: number;
  /** Mean time in the jitter buffer, milliseconds. */
  readonly bufferMs: number;
}

/** Looks at a camera for some seconds, in a page of the node's own address. @throws Error for an offer that is refused. */
export async function lookAt(page: Page, camera: string, seconds: number): Promise<BrowserView> {
  const asked = { camera, seconds, bits: NUMBER_BITS, side: NUMBER_SIDE };
  // Names of a browser: this program is compiled without them.
  return (await page.evaluate(`(${LOOK})(${JSON.stringify(asked)})`)) as BrowserView;
}

const LOOK = `async ({ camera, seconds, bits, side }) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: bits, height: 1 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const wallMs = Math.max(...Array.from({ length: 1000 }, () => Date.now() - performance.now()));
  const numberIn = (video) => {
    context.drawImage(video, 0, 0, bits * side, side, 0, 0, bits, 1);
    const { data } = context.getImageData(0, 0, bits, 1);
    let number = 0;
    for (let bit = 0; bit < bits; bit += 1) number = number * 2 + (data[bit * 4 + 1] > 127 ? 1 : 0);
    return number;
  };
  const peer = new RTCPeerConnection();
  peer.createDataChannel('vigia.times', { ordered: false, maxRetransmits: 0 });
  const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
  receiver.jitterBufferTarget = 0;
  const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
  video.srcObject = new MediaStream([receiver.track]);
  document.body.append(video);
  const shown = [];
  const next = () => video.requestVideoFrameCallback((_, { rtpTimestamp }) => {
    next();
    const number = numberIn(video);
    // Not now: that is when the browser began to compose, and the picture that it draws here may be newer.
    shown.push({ number, shownMs: wallMs + performance.now(), rtp: rtpTimestamp });
  });
  next();
  const askedMs = wallMs + performance.now();
  await peer.setLocalDescription();
  const answer = await fetch('/api/v1/cameras/' + camera + '/whep', {
    method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp,
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(sdp);
  const origin = Number(answer.headers.get('x-vigia-rtp-origin').split('@')[0]);
  await peer.setRemoteDescription({ type: 'answer', sdp });
  const isOld = ({ rtp }) => ((rtp - origin) | 0) < 0;
  while (!shown.some((picture) => !isOld(picture))) await new Promise((resolve) => setTimeout(resolve, 5));
  const firstMs = shown.find((picture) => !isOld(picture)).shownMs - askedMs;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  let stats = {};
  for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') stats = report;
  await fetch(answer.headers.get('location'), { method: 'DELETE' });
  peer.close();
  video.remove();
  return {
    firstMs,
    pictures: shown.map((picture) => ({ number: picture.number, shownMs: picture.shownMs, old: isOld(picture) })),
    lost: stats.packetsLost,
    decoded: stats.framesDecoded,
    bufferMs: (1000 * stats.jitterBufferDelay) / stats.jitterBufferEmittedCount,
  };
}`;
