import { type Signal, signal } from '@preact/signals';
import { type LiveState, LiveView } from './live-view.ts';
import type { LiveBrowser } from './live-way.ts';
import { ageText } from './screen.ts';
import { clockTime, type TextKey, text, wholeDuration } from './texts.ts';
import { GONE_MS, LIVE_MS, type PictureView, type Ward } from './ward.ts';

/** A time of capture that lies further ahead is wrong. */
const AHEAD_MS = 1000;

/** What the large picture is: the live video, or the tile's picture. */
export type Source = 'video' | 'picture';

/** What of the large picture decides about its elements. */
export interface LargeShape {
  readonly source: Source;
  /** The picture of the video that is on the screen. */
  readonly video: PictureView['state'];
}

interface Shown {
  readonly rtp: number;
  /** By the time that was known when it was shown; null: none was. */
  readonly capturedMs: number | null;
  /** By the page's clock. */
  readonly shownMs: number;
}

/** The newest of what can be shown: video while it is current, otherwise the newer one of video and picture. */
export function sourceOf(live: LiveState['kind'], videoAgeMs: number, pictureAgeMs: number | null): Source {
  if (live !== 'live') return 'picture';
  return videoAgeMs > LIVE_MS && pictureAgeMs !== null && pictureAgeMs < videoAgeMs ? 'picture' : 'video';
}

/** The large picture of one camera, as signals. Its tile has everything that does not concern the video. */
export class CameraScreen<Track> {
  readonly camera: string;
  readonly track: Signal<Track | null> = signal(null);
  /** Of the live video; null while it has none. */
  readonly sound: Signal<Track | null> = signal(null);
  /** Whether somebody wants to hear it. Not before they say so, each time that live video begins. */
  readonly hears: Signal<boolean> = signal(false);
  readonly shape: Signal<LargeShape> = signal({ source: 'picture', video: 'live' });
  /** `Video 0.2 s behind`. */
  readonly label: Signal<string> = signal('');
  /** Of the video's picture: `23 s`, `from 03:13:31`. */
  readonly age: Signal<string> = signal('');
  readonly time: Signal<string> = signal('');
  /** Why there is no live video; empty while there is, or while nobody wants it. */
  readonly why: Signal<string> = signal('');
  readonly retry: Signal<string> = signal('');
  readonly #ward: Pick<Ward, 'serverMs' | 'tile'>;
  readonly #browser: LiveBrowser<Track>;
  readonly #live: LiveView<Track>;
  #shown: Shown | null = null;
  /** Why the attempt before failed: said until the next one succeeds, so that words do not come and go. */
  #failure = '';

  constructor(camera: string, ward: Pick<Ward, 'serverMs' | 'tile'>, browser: LiveBrowser<Track>) {
    this.camera = camera;
    this.#ward = ward;
    this.#browser = browser;
    this.#live = new LiveView(browser, camera, {
      state: () => this.show(),
      video: (track) => {
        this.#shown = null;
        this.track.value = track;
      },
      sound: (track) => {
        this.sound.value = track;
      },
    });
  }

  /** Whether live video is wanted: nobody sees it while the page is hidden, or shows what vigia saw. */
  want(video: boolean): void {
    if (video) this.#live.open();
    else {
      this.#live.close();
      this.hears.value = false;
    }
  }

  /** The node is heard again. */
  wake(): void {
    this.#live.wake();
  }

  /** The browser put a picture of the video on the screen. */
  presented(rtp: number | undefined): void {
    const first = this.#shown === null;
    this.#live.shown(rtp);
    if (rtp === undefined || this.#live.state.kind !== 'live') return;
    this.#shown = { rtp, capturedMs: this.#live.capturedMsOf(rtp), shownMs: this.#browser.now() };
    if (first) this.show();
  }

  /** Brings the signals to what is known now. */
  show(): void {
    const nowMs = this.#browser.now();
    const { state } = this.#live;
    const { ageMs, capturedMs } = this.#age(nowMs);
    const picture = this.#ward.tile(this.camera, nowMs)?.picture ?? null;
    // Before the first picture of the video there is none that could be shown.
    const source = this.#shown === null ? 'picture' : sourceOf(state.kind, ageMs, picture?.ageMs ?? null);
    const video = ageMs > GONE_MS ? 'gone' : ageMs > LIVE_MS ? 'old' : 'live';
    const shape = this.shape.peek();
    if (shape.source !== source || shape.video !== video) this.shape.value = { source, video };
    const age = ageText(ageMs, this.#live.isCertain);
    this.age.value = age;
    this.label.value = capturedMs === null ? text('cam.noage') : text('cam.video', { s: age });
    this.time.value =
      capturedMs === null ? '' : text(video === 'gone' ? 'w.since' : 'w.from', { t: clockTime(capturedMs) });
    this.why.value = state.kind === 'live' && source === 'picture' ? text('l.old') : this.#why(state);
    this.retry.value = state.kind === 'waiting' ? text('l.next', { s: leftText(state.retryMs - nowMs) }) : '';
  }

  #why(state: LiveState): string {
    const isTrying = state.kind === 'asking' || state.kind === 'connecting';
    if (!isTrying) this.#failure = liveText(state);
    return isTrying && this.#failure !== '' ? this.#failure : liveText(state);
  }

  /** Of the video's picture. Never less than the time since it was put on the screen; `capturedMs` is null: not known. */
  #age(nowMs: number): { readonly ageMs: number; readonly capturedMs: number | null } {
    if (this.#shown === null) return { ageMs: 0, capturedMs: null };
    const leastMs = nowMs - this.#shown.shownMs;
    const capturedMs = this.#shown.capturedMs ?? this.#live.capturedMsOf(this.#shown.rtp);
    const serverMs = this.#ward.serverMs(nowMs);
    if (capturedMs === null || serverMs === null || serverMs - capturedMs < -AHEAD_MS)
      return { ageMs: leastMs, capturedMs: null };
    return { ageMs: Math.max(leastMs, serverMs - capturedMs), capturedMs };
  }
}

/** Rounded up: an attempt is never announced for a time that has passed. */
function leftText(ms: number): string {
  return wholeDuration(Math.max(0, ms) + 999);
}

function liveText(state: LiveState): string {
  switch (state.kind) {
    case 'closed':
    case 'live':
      return '';
    case 'waiting':
    case 'refused':
      return text(`l.${state.reason}` satisfies TextKey, { why: state.detail });
    default:
      return text(`l.${state.kind}`);
  }
}
