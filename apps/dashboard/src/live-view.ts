import { LiveMovie } from './live-movie.ts';
import type { LiveBrowser, Refusal, Way, WayEvents } from './live-way.ts';
import { Whep } from './live-whep.ts';
import { capturedMsOf, type PictureTime, stampDifference } from './picture-times.ts';

/** The first picture has to come within this time, with its time, and afterwards each further one. */
export const PICTURE_MS = 10_000;
/** WebRTC that was answered has its first picture within this time, or its packets do not pass. */
export const PASS_MS = 3_000;
/** The node says a time each second: without one for so long it is gone, or cannot be reached. */
export const TIMES_MS = 3_000;
/** How often is looked whether pictures and times still come. */
const CHECK_MS = 500;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

/**
 * `connecting`: no picture may be shown yet. `waiting`: tried again at `retryMs` by the page's clock. `refused`: for a
 * reason that stays, so it is not tried again until the view is opened again.
 */
export type LiveState =
  | { readonly kind: 'closed' | 'asking' | 'connecting' | 'live' }
  | (Refusal & { readonly kind: 'waiting'; readonly retryMs: number })
  | (Refusal & { readonly kind: 'refused' });

/** Who hears what becomes of it. `video`, `sound`: the track to play from now on; null: none. */
export interface LiveListener<Track> {
  state(state: LiveState): void;
  video(track: Track | null): void;
  sound(track: Track | null): void;
}

/** One try, with everything that it opened. */
interface Attempt {
  readonly way: Way;
  /** `isGone`: the node has ended its part by itself. */
  connection: { close(isGone: boolean): void } | null;
  /** Stamp of the first picture that may be shown; null before the answer. */
  origin: number | null;
  answeredMs: number;
  time: PictureTime | null;
  liveSinceMs: number | null;
  pictureMs: number;
  timeMs: number;
  ended: boolean;
  readonly timers: Set<() => void>;
}

/**
 * The live video of one camera: one attempt at a time, tried again after 0.5 to 8 s, until `close`. Over WebRTC; when that is
 * answered and no picture passes, or the browser has not what it needs, as a movie over a WebSocket.
 *
 * Of a new viewer's first pictures, those that are older than the newest one at the node are sent only to be decoded:
 * the state is `live` from the first picture at or behind that one, and until then nothing may be shown.
 */
export class LiveView<Track> {
  readonly #browser: LiveBrowser<Track>;
  readonly #listener: LiveListener<Track>;
  readonly #camera: string;
  /** Messages that broke the protocol. */
  dropped = 0;
  #state: LiveState = { kind: 'closed' };
  #attempt: Attempt | null = null;
  #way: Way = 'webrtc';
  /** Ways that this browser, or this camera, does not have. */
  #without: ReadonlySet<Way> = new Set();
  #waitMs = FIRST_WAIT_MS;
  #cancelRetry: (() => void) | null = null;

  constructor(browser: LiveBrowser<Track>, camera: string, listener: LiveListener<Track>) {
    this.#browser = browser;
    this.#listener = listener;
    this.#camera = camera;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Begins, also after a refusal; does nothing while it runs. */
  open(): void {
    if (this.#state.kind !== 'closed' && this.#state.kind !== 'refused') return;
    this.#waitMs = FIRST_WAIT_MS;
    this.#way = this.#browser.first.way;
    this.#without = new Set();
    this.#try();
  }

  /** Ends everything: no further request but the one that ends the session. */
  close(): void {
    this.#stop();
    this.#say({ kind: 'closed' });
  }

  /** The node is heard again: what waits is tried at once. */
  wake(): void {
    if (this.#state.kind !== 'waiting') return;
    this.#waitMs = FIRST_WAIT_MS;
    this.#try();
  }

  /** A picture with this stamp is on the screen; undefined: this browser does not say which one it is. */
  shown(rtp: number | undefined): void {
    const attempt = this.#attempt;
    if (attempt === null || attempt.origin === null) return;
    if (rtp === undefined) return this.#refuse(attempt, { reason: 'browser', detail: '' });
    const nowMs = this.#browser.now();
    if (attempt.liveSinceMs === null) {
      if (stampDifference(rtp, attempt.origin) < 0) return;
      attempt.liveSinceMs = nowMs;
      this.#browser.first.way = attempt.way;
      this.#say({ kind: 'live' });
    }
    attempt.pictureMs = nowMs;
  }

  /** When the picture with this stamp was captured, milliseconds since 1970 on the server; null: not known yet. */
  capturedMsOf(rtp: number): number | null {
    const time = this.#attempt?.time ?? null;
    return time === null ? null : capturedMsOf(rtp, time);
  }

  /** Whether {@link capturedMsOf} is certain: the camera reports when its pictures were captured. */
  get isCertain(): boolean {
    return this.#attempt?.time?.certain ?? true;
  }

  #try(): void {
    this.#stop();
    const nowMs = this.#browser.now();
    const attempt: Attempt = {
      way: this.#way,
      connection: null,
      origin: null,
      answeredMs: nowMs,
      time: null,
      liveSinceMs: null,
      pictureMs: nowMs,
      timeMs: nowMs,
      ended: false,
      timers: new Set(),
    };
    this.#attempt = attempt;
    this.#say({ kind: 'asking' });
    this.#watch(attempt);
    const events = this.#eventsOf(attempt);
    const connection =
      attempt.way === 'webrtc'
        ? new Whep(this.#browser, this.#camera, events)
        : new LiveMovie(this.#browser, this.#camera, events);
    attempt.connection = connection;
    void connection.open();
  }

  #eventsOf(attempt: Attempt): WayEvents<Track> {
    const unlessEnded =
      <A extends readonly unknown[]>(then: (...given: A) => void) =>
      (...given: A): void => {
        if (!attempt.ended) then(...given);
      };
    return {
      answered: unlessEnded((origin: number) => {
        attempt.origin = origin;
        attempt.answeredMs = this.#browser.now();
        this.#say({ kind: 'connecting' });
      }),
      video: unlessEnded((track: Track) => this.#listener.video(track)),
      sound: unlessEnded((track: Track) => this.#listener.sound(track)),
      time: unlessEnded((time: PictureTime) => {
        attempt.time = time;
        attempt.timeMs = this.#browser.now();
      }),
      dropped: () => {
        this.dropped += 1;
      },
      lost: () => this.#fail(attempt, { reason: 'lost', detail: '' }),
      failed: (refusal) => this.#fail(attempt, refusal),
      refused: unlessEnded((refusal: Refusal) => this.#refuse(attempt, refusal)),
    };
  }

  /** Gives the attempt up when pictures, or their times, stay away. */
  #watch(attempt: Attempt): void {
    const nowMs = this.#browser.now();
    const passes = attempt.way !== 'webrtc' || attempt.origin === null || attempt.liveSinceMs !== null;
    const pictureMs = passes ? attempt.pictureMs + PICTURE_MS : attempt.answeredMs + PASS_MS;
    const timeMs = attempt.timeMs + (attempt.time === null ? PICTURE_MS : TIMES_MS);
    const untilMs = Math.min(pictureMs, timeMs);
    // The answer, or the first time, brings the end nearer.
    if (nowMs < untilMs) return this.#later(attempt, Math.min(untilMs - nowMs, CHECK_MS), () => this.#watch(attempt));
    if (pictureMs > nowMs && attempt.time !== null) this.#fail(attempt, { reason: 'lost', detail: '' }, true);
    else this.#fail(attempt, { reason: pictureMs <= nowMs ? 'no_picture' : 'no_times', detail: '' });
  }

  /** @param isGone The node has ended its part by itself. */
  #fail(attempt: Attempt, refusal: Refusal, isGone = false): void {
    if (attempt.ended) return;
    const nowMs = this.#browser.now();
    if (attempt.liveSinceMs === null && this.#goOtherWay(attempt)) return;
    // One that begins well and breaks again and again is asked for ever more seldom too.
    if (attempt.liveSinceMs !== null && nowMs - attempt.liveSinceMs >= PICTURE_MS) this.#waitMs = FIRST_WAIT_MS;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    this.#stop(isGone);
    this.#cancelRetry = this.#browser.after(waitMs, () => this.#try());
    this.#say({ kind: 'waiting', ...refusal, retryMs: nowMs + waitMs });
  }

  /**
   * No picture came. WebRTC that was answered does not pass: a movie is tried at once. After a movie WebRTC is tried next, whose
   * answer says why there is no video. Returns whether something else is tried now.
   */
  #goOtherWay({ way, origin }: Attempt): boolean {
    const other = way === 'webrtc' ? 'movie' : 'webrtc';
    if (this.#without.has(other) || (way === 'webrtc' && origin === null)) return false;
    this.#way = other;
    if (way === 'webrtc') this.#try();
    return way === 'webrtc';
  }

  #refuse({ way }: Attempt, refusal: Refusal): void {
    const other = way === 'webrtc' ? 'movie' : 'webrtc';
    if ((refusal.reason === 'browser' || refusal.reason === 'codec') && !this.#without.has(other)) {
      this.#without = new Set([way]);
      this.#way = other;
      return this.#try();
    }
    this.#stop();
    this.#say({ kind: 'refused', ...refusal });
  }

  /** Ends the attempt and the wait for the next one. */
  #stop(isGone = false): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    attempt.ended = true;
    for (const cancel of attempt.timers) cancel();
    attempt.timers.clear();
    attempt.connection?.close(isGone);
    this.#listener.video(null);
    this.#listener.sound(null);
  }

  #say(state: LiveState): void {
    this.#state = state;
    this.#listener.state(state);
  }

  #later(attempt: Attempt, ms: number, then: () => void): void {
    const cancel = this.#browser.after(ms, () => {
      attempt.timers.delete(cancel);
      then();
    });
    attempt.timers.add(cancel);
  }
}
