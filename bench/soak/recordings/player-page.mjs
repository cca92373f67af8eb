// In a browser: plays a playlist with hls.js, and reports what was shown.
import { Hls } from 'hls.js';

const video = document.querySelector('video');
const canvas = document.createElement('canvas');
const paper = canvas.getContext('2d', { willReadFrequently: true });

let hls;
let facts;
let place;

/** The number that is painted into the picture shown now: see players/numbers.ts. */
function shownNumber() {
  const { bits, square } = place;
  paper.drawImage(video, 0, 0, bits * square, square, 0, 0, bits * square, square);
  const { data } = paper.getImageData(0, square / 2, bits * square, 1);
  let number = 0;
  for (let bit = 0; bit < bits; bit += 1) if (data[4 * (bit * square + square / 2)] > 127) number += 2 ** bit;
  return number;
}

function watchPictures(of) {
  video.requestVideoFrameCallback((_, { mediaTime }) => {
    if (of !== facts) return;
    of.pictures.push({ mediaTime, number: shownNumber() });
    watchPictures(of);
  });
}

/** An event, or what prevents it. */
function either(target, name, limitMs) {
  return new Promise((resolve) => {
    target.addEventListener(name, () => resolve(''), { once: true });
    hls.on(Hls.Events.ERROR, (_, { fatal, details }) => fatal && resolve(`${name}: ${details}`));
    setTimeout(() => resolve(`${name}: did not happen within ${limitMs / 1000} s`), limitMs);
  });
}

function fragments() {
  const all = hls.levels[0]?.details?.fragments ?? [];
  return all.map(({ start, cc, programDateTime: dateMs }) => ({ start, cc, dateMs }));
}

function finish() {
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  Object.assign(facts, {
    decoded: totalVideoFrames,
    dropped: droppedVideoFrames,
    audioBytes: video.webkitAudioDecodedByteCount,
    videoBytes: video.webkitVideoDecodedByteCount,
    endedAt: video.currentTime,
    duration: video.duration,
    fragments: fragments(),
    state: { readyState: video.readyState, paused: video.paused, seeking: video.seeking },
    buffered: Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]),
  });
}

/** Plays a playlist to its end. */
async function play({ url, rate, limitMs, numbers }) {
  hls?.destroy();
  place = numbers;
  canvas.width = place.bits * place.square;
  canvas.height = place.square;
  facts = { version: Hls.version, pictures: [], errors: [], wrong: '' };
  hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details, reason }) =>
    facts.errors.push({ fatal, what: `${type} ${details} ${reason ?? ''}`.trim() }),
  );
  const ended = either(video, 'ended', limitMs);
  hls.loadSource(url);
  hls.attachMedia(video);
  hls.once(Hls.Events.MANIFEST_PARSED, () => {
    video.defaultPlaybackRate = rate;
    video.playbackRate = rate;
    void video.play();
  });
  watchPictures(facts);
  facts.wrong = await ended;
  finish();
  return facts;
}

/** Goes to a time of the video, paused. @returns the picture that is shown then. */
async function seek({ time, limitMs }) {
  video.pause();
  const before = facts.pictures.length;
  const seeked = either(video, 'seeked', limitMs);
  video.currentTime = time;
  const wrong = await seeked;
  const endMs = performance.now() + limitMs;
  while (facts.pictures.length === before && performance.now() < endMs)
    await new Promise((resolve) => requestAnimationFrame(resolve));
  return { wrong, time: video.currentTime, picture: facts.pictures.at(-1), errors: facts.errors };
}

globalThis.player = { play, seek };
