import { type Part, movieType, partAt, type Playlist, readPlaylist } from './recorded-parts.ts';

/** So much is fetched ahead of the picture on the screen, and kept behind it. Seconds. */
const AHEAD_S = 20;
const KEPT_S = 30;
/** A playlist is of so much around the time that is asked for. Milliseconds. */
const BEFORE_MS = 60_000;
const AFTER_MS = 10 * 60_000;
const ANSWER_MS = 10_000;
/** A step over a gap lands so far behind its end: at the end itself a browser may see nothing yet. Seconds. */
const BEHIND_GAP_S = 0.02;
/** A browser that waits so near to the end of what it has waits for the next part. Seconds. */
const NEAR_S = 0.4;

/** What a player can do. `none`: there is nothing to play. `codec`: this browser does not play it. `ended`: there is no more. */
export type PlayerState =
  | { readonly kind: 'ready' | 'ended' | 'codec' }
  | { readonly kind: 'none'; readonly why: string };

/** What becomes of a player. */
export interface RecordingEvents {
  /** The picture on the screen is of this time. Milliseconds since 1970. */
  readonly shown: (ms: number) => void;
  readonly state: (state: PlayerState) => void;
}

/**
 * Plays what was recorded of one camera, from any time on, across gaps. Parts are fetched as they are needed and put where
 * their wall time is: the media time of all of them counts from one zero.
 */
export class RecordingPlayer {
  readonly #base: string;
  readonly #video: HTMLVideoElement;
  readonly #events: RecordingEvents;
  /** Counts places that were asked for: what is fetched for another one is not wanted any more. */
  #turn = 0;
  #playlist: Playlist | null = null;
  #source: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #url: string | null = null;
  /** The beginning that the decoder has. */
  #init: string | null = null;
  #inits = new Map<string, Uint8Array<ArrayBuffer>>();
  #isOver = false;
  /** Where the video is to begin: a browser goes there only once it knows what it plays. Seconds. */
  #aim: number | null = null;
  /** The browser has no picture to go on with. */
  #isWaiting = false;
  /** The next part to fetch. */
  #next = 0;
  #busy = false;

  constructor(camera: string, video: HTMLVideoElement, events: RecordingEvents) {
    this.#base = `/api/v1/recordings/${encodeURIComponent(camera)}/`;
    this.#video = video;
    this.#events = events;
    video.addEventListener('timeupdate', this.#onTime);
    video.addEventListener('waiting', this.#onWaiting);
    video.addEventListener('seeked', this.#onTime);
    video.addEventListener('loadedmetadata', this.#onKnown);
    video.addEventListener('playing', this.#onPlaying);
  }

  /** Shows the picture of this time, or the first one after it. */
  async seek(ms: number): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#isOver = false;
    const { parts = [], zeroMs = 0 } = this.#playlist ?? {};
    const [first, last] = [parts[0], parts.at(-1)];
    if (this.#buffer && first && last && ms >= first.fromMs && ms < last.toMs) {
      this.#video.currentTime = (ms - zeroMs) / 1000;
      this.#next = Math.max(0, partAt(parts, ms));
      this.#busy = false;
      void this.#fill();
      return;
    }
    await this.#open(ms, turn);
  }

  /** Ends it. Idempotent. */
  close(): void {
    this.#turn += 1;
    this.#video.removeEventListener('timeupdate', this.#onTime);
    this.#video.removeEventListener('waiting', this.#onWaiting);
    this.#video.removeEventListener('seeked', this.#onTime);
    this.#video.removeEventListener('loadedmetadata', this.#onKnown);
    this.#video.removeEventListener('playing', this.#onPlaying);
    this.#release();
  }

  async #open(ms: number, turn: number): Promise<void> {
    const range = new URLSearchParams({ from: String(ms - BEFORE_MS), to: String(ms + AFTER_MS) });
    const answer = await this.#fetch(`playlist.m3u8?${range.toString()}`);
    if (turn !== this.#turn) return;
    const playlist = answer?.ok === true ? readPlaylist(await answer.text()) : null;
    if (turn !== this.#turn) return;
    const next = playlist ? partAt(playlist.parts, ms) : -1;
    const part = playlist?.parts[next];
    if (!playlist || !part) return this.#events.state({ kind: 'none', why: await whyNot(answer) });
    const init = await this.#initOf(part);
    if (turn !== this.#turn) return;
    const type = init && movieType(init);
    if (!init) return this.#events.state({ kind: 'none', why: '' });
    if (!type || !('MediaSource' in window) || !MediaSource.isTypeSupported(type))
      return this.#events.state({ kind: 'codec' });
    this.#release();
    [this.#playlist, this.#next] = [playlist, next];
    const source = new MediaSource();
    this.#source = source;
    this.#url = URL.createObjectURL(source);
    source.addEventListener(
      'sourceopen',
      () => {
        if (turn !== this.#turn || this.#source !== source) return;
        this.#buffer = source.addSourceBuffer(type);
        // Before anything is known of it, a movie lasts no time, and nobody can go to a later one.
        source.duration = ((playlist.parts.at(-1) ?? part).toMs - playlist.zeroMs) / 1000;
        this.#buffer.addEventListener('error', () => this.#events.state({ kind: 'codec' }));
        this.#aim = Math.max(0, (Math.max(ms, part.fromMs) - playlist.zeroMs) / 1000);
        this.#events.state({ kind: 'ready' });
        void this.#fill();
      },
      { once: true },
    );
    this.#video.src = this.#url;
  }

  /** Fetches parts until enough is ahead. One at a time, in order. */
  async #fill(): Promise<void> {
    const turn = this.#turn;
    const [buffer, playlist] = [this.#buffer, this.#playlist];
    if (this.#busy || !buffer || !playlist) return;
    this.#busy = true;
    try {
      for (;;) {
        const part = playlist.parts[this.#next];
        const atMs = (this.#aim ?? this.#video.currentTime) * 1000 + playlist.zeroMs;
        if (!part || part.fromMs - atMs > AHEAD_S * 1000) break;
        if (!isBuffered(buffer, (part.fromMs + part.toMs) / 2, playlist.zeroMs)) {
          if (part.init !== this.#init) await this.#append(buffer, await this.#initOf(part));
          if (turn !== this.#turn) return;
          this.#init = part.init;
          const bytes = await this.#bytes(part.path);
          if (turn !== this.#turn) return;
          await this.#append(buffer, bytes);
          if (turn !== this.#turn) return;
        }
        this.#next += 1;
        await this.#forget(buffer);
      }
    } finally {
      if (turn === this.#turn) this.#busy = false;
    }
    this.#overGap();
  }

  async #append(buffer: SourceBuffer, bytes: Uint8Array<ArrayBuffer> | null): Promise<void> {
    if (!bytes || this.#source?.readyState !== 'open') return;
    await settled(buffer, () => buffer.appendBuffer(bytes));
  }

  /** What was shown long ago. */
  async #forget(buffer: SourceBuffer): Promise<void> {
    const until = this.#video.currentTime - KEPT_S;
    const oldest = buffer.buffered.length > 0 ? buffer.buffered.start(0) : Number.POSITIVE_INFINITY;
    if (this.#source?.readyState === 'open' && oldest < until - KEPT_S)
      await settled(buffer, () => buffer.remove(0, until));
  }

  /** In a gap nothing is shown: the picture behind it is next. */
  #overGap(): void {
    if (this.#aim !== null) return;
    const { buffered, currentTime } = this.#video;
    const near = this.#isWaiting ? NEAR_S : BEHIND_GAP_S;
    for (let i = 0; i < buffered.length; i += 1) {
      const [start, end] = [buffered.start(i), buffered.end(i)];
      if (currentTime >= start - BEHIND_GAP_S && currentTime < end - near) return;
      if (start > currentTime) {
        this.#isWaiting = false;
        this.#video.currentTime = start + BEHIND_GAP_S;
        return;
      }
    }
  }

  readonly #onWaiting = (): void => {
    this.#isWaiting = true;
    this.#onTime();
  };

  readonly #onPlaying = (): void => {
    this.#isWaiting = false;
  };

  readonly #onKnown = (): void => {
    if (this.#aim !== null) this.#video.currentTime = this.#aim;
    this.#aim = null;
  };

  readonly #onTime = (): void => {
    const playlist = this.#playlist;
    if (!playlist || this.#aim !== null) return;
    const ms = this.#video.currentTime * 1000 + playlist.zeroMs;
    this.#events.shown(ms);
    void this.#fill();
    if (!this.#busy) this.#overGap();
    const last = playlist.parts.at(-1);
    if (this.#isOver || !last || ms < last.toMs - 1000 || this.#next < playlist.parts.length) return;
    // The playlist is over; there may be more by now.
    this.#isOver = true;
    this.#turn += 1;
    void this.#goOn(last, this.#turn);
  };

  /** What was recorded since the playlist was asked for. */
  async #goOn(last: Part, turn: number): Promise<void> {
    const range = new URLSearchParams({ from: String(last.toMs), to: String(last.toMs + AFTER_MS) });
    const answer = await this.#fetch(`playlist.m3u8?${range.toString()}`);
    const more = answer?.ok === true ? readPlaylist(await answer.text()) : null;
    if (turn !== this.#turn) return;
    const next = more?.parts.find(({ fromMs, toMs }) => Math.max(fromMs, last.toMs) < toMs - 100);
    if (next) {
      this.#isOver = false;
      await this.#open(Math.max(next.fromMs, last.toMs), turn);
    } else this.#events.state({ kind: 'ended' });
  }

  #release(): void {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    [this.#url, this.#source, this.#buffer, this.#playlist, this.#init] = [null, null, null, null, null];
    [this.#busy, this.#aim] = [false, null];
  }

  async #initOf({ init }: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    const known = this.#inits.get(init);
    if (known) return known;
    const bytes = await this.#bytes(init);
    if (bytes) this.#inits = new Map([[init, bytes]]);
    return bytes;
  }

  #fetch(path: string): Promise<Response | undefined> {
    return fetch(this.#base + path, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
  }

  async #bytes(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const answer = await this.#fetch(path);
    return answer?.ok === true ? new Uint8Array(await answer.arrayBuffer()) : null;
  }
}

async function whyNot(answer: Response | undefined): Promise<string> {
  if (answer === undefined) return '';
  const body: unknown = await answer.json().catch(() => null);
  const { error } = (body ?? {}) as { error?: { message?: string } };
  return error?.message ?? '';
}

function isBuffered({ buffered }: SourceBuffer, ms: number, zeroMs: number): boolean {
  const at = (ms - zeroMs) / 1000;
  for (let i = 0; i < buffered.length; i += 1) if (at >= buffered.start(i) && at < buffered.end(i)) return true;
  return false;
}

/** Resolves when the buffer has done it. */
function settled(buffer: SourceBuffer, work: () => void): Promise<void> {
  return new Promise((resolve) => {
    buffer.addEventListener('updateend', () => resolve(), { once: true });
    try {
      work();
    } catch {
      resolve();
    }
  });
}
