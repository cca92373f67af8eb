import type { Player, PlayerEvents } from './live-way.ts';

/** Parts that wait for the browser: beyond so many bytes it does not keep up. */
const WAITING_LIMIT = 16 * 1024 * 1024;
/** Seconds of the movie that are kept behind the picture on the screen; looked at so seldom. */
const KEPT_S = 4;
const PRUNE_S = 10;
/** Pictures that wait to be shown: beyond `far` they are skipped, beyond `near` they are shown a little faster. Seconds. */
const AHEAD = { near: 0.25, far: 1, aim: 0.1 } as const;
const FASTER = 1.1;

/** What can be shown in a video element that is not a track of WebRTC. */
export interface Playable {
  /** @returns a function that takes it out again. */
  attach(video: HTMLVideoElement): () => void;
}

/**
 * A player for a movie whose parts come live: it stays close to the newest one. Stamps of its pictures are their media time.
 *
 * @throws Error when the browser cannot play this type.
 */
export function moviePlayer(mime: string, events: PlayerEvents): Player<Playable> {
  if (!('MediaSource' in window) || !MediaSource.isTypeSupported(mime)) throw new Error(`cannot play ${mime}`);
  return new MoviePlayer(mime, events);
}

class MoviePlayer implements Player<Playable> {
  readonly track: Playable = { attach: (video) => this.#attach(video) };
  readonly #mime: string;
  readonly #events: PlayerEvents;
  readonly #source = new MediaSource();
  readonly #url = URL.createObjectURL(this.#source);
  readonly #waiting: ArrayBuffer[] = [];
  #waitingBytes = 0;
  #buffer: SourceBuffer | null = null;
  /** What the buffer does now. */
  #doing: 'nothing' | 'append' | 'remove' = 'nothing';
  #video: HTMLVideoElement | null = null;
  #ended = false;

  constructor(mime: string, events: PlayerEvents) {
    this.#mime = mime;
    this.#events = events;
    this.#source.addEventListener('sourceopen', () => this.#open());
  }

  append(part: ArrayBuffer): void {
    if (this.#ended) return;
    this.#waiting.push(part);
    this.#waitingBytes += part.byteLength;
    if (this.#waitingBytes > WAITING_LIMIT) this.#fail();
    else this.#next();
  }

  close(): void {
    this.#ended = true;
    this.#waiting.length = 0;
    URL.revokeObjectURL(this.#url);
  }

  #attach(video: HTMLVideoElement): () => void {
    const failed = (): void => this.#fail();
    this.#video = video;
    video.src = this.#url;
    video.addEventListener('error', failed);
    return () => {
      video.removeEventListener('error', failed);
      this.#video = null;
      video.removeAttribute('src');
      video.load();
    };
  }

  #open(): void {
    if (this.#ended || this.#buffer !== null) return;
    const buffer = this.#source.addSourceBuffer(this.#mime);
    buffer.addEventListener('updateend', () => this.#done());
    buffer.addEventListener('error', () => this.#fail());
    this.#buffer = buffer;
    this.#next();
  }

  #next(): void {
    const buffer = this.#buffer;
    if (this.#ended || buffer === null || this.#doing !== 'nothing') return;
    const video = this.#video;
    const oldest = buffer.buffered.length > 0 ? buffer.buffered.start(0) : 0;
    try {
      if (video !== null && video.currentTime - oldest > PRUNE_S) {
        this.#doing = 'remove';
        buffer.remove(0, video.currentTime - KEPT_S);
        return;
      }
      const part = this.#waiting.shift();
      if (part === undefined) return;
      this.#waitingBytes -= part.byteLength;
      this.#doing = 'append';
      buffer.appendBuffer(part);
    } catch {
      this.#fail();
    }
  }

  #done(): void {
    const done = this.#doing;
    this.#doing = 'nothing';
    if (this.#ended) return;
    if (done === 'append') this.#events.appended();
    this.#stayClose();
    this.#next();
  }

  /** Shows the newest pictures: what is too far behind, or before a gap, is skipped. */
  #stayClose(): void {
    const video = this.#video;
    if (video === null || video.buffered.length === 0) return;
    const last = video.buffered.length - 1;
    const [start, end] = [video.buffered.start(last), video.buffered.end(last)];
    const ahead = end - video.currentTime;
    if (video.currentTime < start || ahead > AHEAD.far) video.currentTime = Math.max(start, end - AHEAD.aim);
    video.playbackRate = ahead > AHEAD.near ? FASTER : 1;
    if (video.paused) video.play().catch(() => {});
  }

  #fail(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.failed();
  }
}
