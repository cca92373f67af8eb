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

/** Other ways than WebRTC: the page's own video without it, and pictures one after the other (`live.mjpeg`). */
export type OtherWay = 'movie' | 'mjpeg';

/**
 * Looks at a camera for some seconds, in a page of the node's own address.
 *
 * @param relay The UDP port of a relay in place of the node's own.
 * @throws Error for an offer that is refused.
 */
export async function lookAt(page: Page, camera: string, seconds: number, relay?: number): Promise<BrowserView> {
  const asked = { camera, seconds, relay: relay ?? null, bits: NUMBER_BITS, side: NUMBER_SIDE };
  // Names of a browser: this program is compiled without them.
  return (await page.evaluate(`(${LOOK})(${JSON.stringify(asked)})`)) as BrowserView;
}

/** Looks at a camera another way. For a movie the page has to be the node's own, without WebRTC, with its video running. */
export async function lookAtOther(
  page: Page,
  way: OtherWay,
  camera: string,
  seconds: number,
): Promise<readonly Omit<ShownPicture, 'old'>[]> {
  const asked = { camera, seconds, bits: NUMBER_BITS, side: NUMBER_SIDE };
  const look = way === 'movie' ? LOOK_AT_VIDEO : LOOK_AT_PICTURES;
  return (await page.evaluate(`(${look})(${JSON.stringify(asked)})`)) as readonly Omit<ShownPicture, 'old'>[];
}

/** Reads the number of a picture from the pixels that are on the screen. */
const NUMBERS = `
  const canvas = Object.assign(document.createElement('canvas'), { width: bits, height: 1 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const wallMs = Math.max(...Array.from({ length: 1000 }, () => Date.now() - performance.now()));
  const numberIn = (image) => {
    context.drawImage(image, 0, 0, bits * side, side, 0, 0, bits, 1);
    const { data } = context.getImageData(0, 0, bits, 1);
    let number = 0;
    for (let bit = 0; bit < bits; bit += 1) number = number * 2 + (data[bit * 4 + 1] > 127 ? 1 : 0);
    return number;
  };
`;

const LOOK = `async ({ camera, seconds, relay, bits, side }) => {${NUMBERS}  const peer = new RTCPeerConnection();
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
    // A browser may say that it shows a picture while the element is still black.
    if (number === 0) return;
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
  const reached = sdp.split('\\r\\n').flatMap((line) => {
    if (relay === null || !line.startsWith('a=candidate:')) return [line];
    return / udp /i.test(line) ? [line.replace(/^((?:\\S+ ){5})\\d+/, '$1' + relay)] : [];
  });
  await peer.setRemoteDescription({ type: 'answer', sdp: reached.join('\\r\\n') });
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

const LOOK_AT_VIDEO = `async ({ seconds, bits, side }) => {${NUMBERS}
  const video = document.querySelector('main.cam video');
  const shown = [];
  let ended = false;
  const next = () => video.requestVideoFrameCallback(() => {
    if (!ended) next();
    shown.push({ number: numberIn(video), shownMs: wallMs + performance.now() });
  });
  next();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  ended = true;
  return shown;
}`;

const LOOK_AT_PICTURES = `async ({ camera, seconds, bits, side }) => {${NUMBERS}
  const image = new Image();
  image.src = '/api/v1/cameras/' + camera + '/live.mjpeg?fps=5';
  document.body.append(image);
  const shown = [];
  const untilMs = performance.now() + seconds * 1000;
  while (performance.now() < untilMs) {
    await new Promise(requestAnimationFrame);
    if (image.naturalWidth === 0) continue;
    const number = numberIn(image);
    if (number !== shown.at(-1)?.number) shown.push({ number, shownMs: wallMs + performance.now() });
  }
  image.src = '';
  image.remove();
  // The first one may have been there before.
  return shown.slice(1);
}`;
