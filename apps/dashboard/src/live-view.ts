import { capturedMsOf, type PictureTime, readOrigin, readPictureTime, stampDifference } from './picture-times.ts';

/** A request that takes longer is given up. */
const REQUEST_MS = 5000;
/** The first picture has to come within this time, with its time, and afterwards each further one. */
export const PICTURE_MS = 10_000;
/** The node says a time each second: without one for so long it is gone, or cannot be reached. */
export const TIMES_MS = 3_000;
/** How often is looked whether pictures and times still come. */
const CHECK_MS = 500;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
/** Longest answer (SDP), characters. */
const ANSWER_LIMIT = 64 * 1024;
/** Longest message of the node that is shown, characters. */
const MESSAGE_LIMIT = 200;
/** Of the data channel on which the node sends the times of pictures. */
const TIMES = 'vigia.times';

/**
 * Why there is no live video. `camera_away`, `busy`, `no_live`, `privacy`, `codec` are the node's; `lost`: the connection
 * ended; `no_times`: pictures came, but not when they were captured; `browser`: this one cannot show it.
 */
export type LiveReason =
  | 'camera_away'
  | 'busy'
  | 'no_live'
  | 'login'
  | 'no_answer'
  | 'no_picture'
  | 'no_times'
  | 'lost'
  | 'error'
  | 'privacy'
  | 'codec'
  | 'forbidden'
  | 'not_found'
  | 'browser';

/** `detail`: the node's own words, for people; empty without any. */
interface Refusal {
  readonly reason: LiveReason;
  readonly detail: string;
}

/**
 * `connecting`: no picture may be shown yet. `waiting`: tried again at `retryMs` by the page's clock. `refused`: for a
 * reason that stays, so it is not tried again until the view is opened again.
 */
export type LiveState =
  | { readonly kind: 'closed' | 'asking' | 'connecting' | 'live' }
  | (Refusal & { readonly kind: 'waiting'; readonly retryMs: number })
  | (Refusal & { readonly kind: 'refused' });

/** What is used of an `RTCPeerConnection`. */
export interface Peer<Track> {
  readonly connectionState: string;
  readonly localDescription: { readonly sdp: string } | null;
  addTransceiver(kind: 'video', init: { direction: 'recvonly' }): { readonly receiver: Receiver<Track> };
  createDataChannel(label: string, init: { ordered: boolean; maxRetransmits: number }): Channel;
  setLocalDescription(): Promise<void>;
  setRemoteDescription(answer: { type: 'answer'; sdp: string }): Promise<void>;
  addEventListener(type: 'connectionstatechange', listener: () => void): void;
  close(): void;
}

/** What is used of an `RTCRtpReceiver`. `jitterBufferTarget` is not in all browsers. */
interface Receiver<Track> {
  readonly track: Track;
  jitterBufferTarget?: number | null;
}

/** What is used of an `RTCDataChannel`. */
interface Channel {
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
}

/** An answer over HTTP, with the headers that matter here. */
export interface LiveReply {
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
  readonly origin: string | null;
}

/** What the live view needs of a browser. */
export interface LiveBrowser<Track> {
  /** By a clock that never jumps, milliseconds. */
  now(): number;
  /** Runs `then` once; the returned function cancels it. */
  after(ms: number, then: () => void): () => void;
  /** `body`: SDP. Rejects without an answer within `timeoutMs`. A `DELETE` outlives the page. */
  request(
    method: 'POST' | 'DELETE',
    path: string,
    options: { readonly body?: string; readonly timeoutMs: number },
  ): Promise<LiveReply>;
  /** Throws where the browser cannot show live video. */
  openPeer(): Peer<Track>;
}

/** Who hears what becomes of it. `video`: the track to show from now on; null: none. */
export interface LiveListener<Track> {
  state(state: LiveState): void;
  video(track: Track | null): void;
}

/** One try, with everything that it opened. */
interface Attempt<Track> {
  peer: Peer<Track> | null;
  /** Path of the session at the node. */
  session: string | null;
  /** Stamp of the first picture that may be shown; null before the answer. */
  origin: number | null;
  time: PictureTime | null;
  liveSinceMs: number | null;
  pictureMs: number;
  timeMs: number;
  ended: boolean;
  readonly timers: Set<() => void>;
}

/**
 * The live video of one camera over WHEP: one attempt at a time, tried again after 0.5 to 8 s, until `close`. An attempt
 * closes everything that it opened: its peer connection, and its session at the node.
 *
 * Of a new viewer's first pictures, those that are older than the newest one at the node are sent only to be decoded:
 * the state is `live` from the first picture at or behind that one, and until then nothing may be shown.
 */
export class LiveView<Track> {
  readonly #browser: LiveBrowser<Track>;
  readonly #listener: LiveListener<Track>;
  readonly #path: string;
  /** Messages that broke the protocol. */
  dropped = 0;
  #state: LiveState = { kind: 'closed' };
  #attempt: Attempt<Track> | null = null;
  #waitMs = FIRST_WAIT_MS;
  #cancelRetry: (() => void) | null = null;

  constructor(browser: LiveBrowser<Track>, camera: string, listener: LiveListener<Track>) {
    this.#browser = browser;
    this.#listener = listener;
    this.#path = `/api/v1/cameras/${encodeURIComponent(camera)}/whep`;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Begins, also after a refusal; does nothing while it runs. */
  open(): void {
    if (this.#state.kind !== 'closed' && this.#state.kind !== 'refused') return;
    this.#waitMs = FIRST_WAIT_MS;
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
    if (rtp === undefined) return this.#refuse({ reason: 'browser', detail: '' });
    const nowMs = this.#browser.now();
    if (attempt.liveSinceMs === null) {
      if (stampDifference(rtp, attempt.origin) < 0) return;
      attempt.liveSinceMs = nowMs;
      this.#say({ kind: 'live' });
    }
    attempt.pictureMs = nowMs;
  }

  /** When the picture with this stamp was captured, milliseconds since 1970 on the server; null: not known yet. */
  capturedMsOf(rtp: number): number | null {
    const time = this.#attempt?.time ?? null;
    return time === null ? null : capturedMsOf(rtp, time);
  }

  #try(): void {
    this.#stop();
    const nowMs = this.#browser.now();
    const attempt: Attempt<Track> = {
      peer: null,
      session: null,
      origin: null,
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
    this.#connect(attempt).catch(() => this.#fail(attempt, { reason: 'error', detail: '' }));
  }

  async #connect(attempt: Attempt<Track>): Promise<void> {
    let peer: Peer<Track>;
    try {
      peer = this.#browser.openPeer();
    } catch {
      return this.#refuse({ reason: 'browser', detail: '' });
    }
    attempt.peer = peer;
    this.#listen(attempt, peer);
    await peer.setLocalDescription();
    if (attempt.ended) return;
    // Its own addresses need not be known: the node answers where it is asked from.
    const reply = await this.#ask(attempt, peer.localDescription?.sdp ?? '');
    if (attempt.ended) return;
    if (reply === null) return this.#fail(attempt, { reason: 'no_answer', detail: '' });
    if (reply.status !== 201) return this.#answer(attempt, reply);
    const origin = readOrigin(reply.origin);
    if (attempt.session === null || origin === undefined || reply.body.length > ANSWER_LIMIT) {
      this.dropped += 1;
      return this.#fail(attempt, { reason: 'error', detail: '' });
    }
    attempt.origin = origin;
    this.#say({ kind: 'connecting' });
    await peer.setRemoteDescription({ type: 'answer', sdp: reply.body });
  }

  #listen(attempt: Attempt<Track>, peer: Peer<Track>): void {
    const lost = (): void => this.#lose(attempt);
    const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    const channel = peer.createDataChannel(TIMES, { ordered: false, maxRetransmits: 0 });
    channel.addEventListener('message', ({ data }) => this.#takeTime(attempt, data));
    channel.addEventListener('close', lost);
    peer.addEventListener('connectionstatechange', () => {
      if (peer.connectionState === 'failed' || peer.connectionState === 'closed') lost();
    });
    this.#listener.video(receiver.track);
  }

  #takeTime(attempt: Attempt<Track>, data: unknown): void {
    if (attempt.ended) return;
    const time = readPictureTime(data);
    if (time === undefined) {
      this.dropped += 1;
      return;
    }
    attempt.time = time;
    attempt.timeMs = this.#browser.now();
  }

  /** Null: no answer. A session that comes after the end of its attempt is ended at once. */
  async #ask(attempt: Attempt<Track>, offer: string): Promise<LiveReply | null> {
    const options = { body: offer, timeoutMs: REQUEST_MS };
    const reply = await this.#browser.request('POST', this.#path, options).catch(() => null);
    const session = reply?.status === 201 ? reply.location : null;
    if (session === null || !session.startsWith(`${this.#path}/`)) return reply;
    if (attempt.ended) this.#endSession(session);
    else attempt.session = session;
    return reply;
  }

  /** An answer other than 201. */
  #answer(attempt: Attempt<Track>, reply: LiveReply): void {
    const refusal = refusalOf(reply);
    if (FINAL.has(refusal.reason)) this.#refuse(refusal);
    else this.#fail(attempt, refusal);
  }

  /** Gives the attempt up when pictures, or their times, stay away. */
  #watch(attempt: Attempt<Track>): void {
    const nowMs = this.#browser.now();
    const pictureMs = attempt.pictureMs + PICTURE_MS;
    const timeMs = attempt.timeMs + (attempt.time === null ? PICTURE_MS : TIMES_MS);
    const untilMs = Math.min(pictureMs, timeMs);
    // The first time brings the end nearer.
    if (nowMs < untilMs) return this.#later(attempt, Math.min(untilMs - nowMs, CHECK_MS), () => this.#watch(attempt));
    if (pictureMs > nowMs && attempt.time !== null) this.#lose(attempt);
    else this.#fail(attempt, { reason: pictureMs <= nowMs ? 'no_picture' : 'no_times', detail: '' });
  }

  #lose(attempt: Attempt<Track>): void {
    if (attempt.ended) return;
    // The node notices it, too: nothing is left there to be ended.
    attempt.session = null;
    this.#fail(attempt, { reason: 'lost', detail: '' });
  }

  #fail(attempt: Attempt<Track>, refusal: Refusal): void {
    if (attempt.ended) return;
    const nowMs = this.#browser.now();
    // One that begins well and breaks again and again is asked for ever more seldom too.
    if (attempt.liveSinceMs !== null && nowMs - attempt.liveSinceMs >= PICTURE_MS) this.#waitMs = FIRST_WAIT_MS;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    this.#stop();
    this.#cancelRetry = this.#browser.after(waitMs, () => this.#try());
    this.#say({ kind: 'waiting', ...refusal, retryMs: nowMs + waitMs });
  }

  #refuse(refusal: Refusal): void {
    this.#stop();
    this.#say({ kind: 'refused', ...refusal });
  }

  /** Ends the attempt and the wait for the next one. */
  #stop(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    attempt.ended = true;
    for (const cancel of attempt.timers) cancel();
    attempt.timers.clear();
    attempt.peer?.close();
    if (attempt.session !== null) this.#endSession(attempt.session);
    this.#listener.video(null);
  }

  #endSession(session: string): void {
    // Without an answer the node ends it by itself: its peer is gone.
    this.#browser.request('DELETE', session, { timeoutMs: REQUEST_MS }).catch(() => {});
  }

  #say(state: LiveState): void {
    this.#state = state;
    this.#listener.state(state);
  }

  #later(attempt: Attempt<Track>, ms: number, then: () => void): void {
    const cancel = this.#browser.after(ms, () => {
      attempt.timers.delete(cancel);
      then();
    });
    attempt.timers.add(cancel);
  }
}

const OF_THE_NODE: readonly string[] = ['camera_away', 'busy', 'no_live', 'privacy', 'codec'] satisfies LiveReason[];
const OF_STATUS: Readonly<Record<number, LiveReason>> = { 401: 'login', 403: 'forbidden', 404: 'not_found' };
const FINAL: ReadonlySet<LiveReason> = new Set(['privacy', 'codec', 'forbidden', 'not_found', 'browser']);

function refusalOf({ status, body }: LiveReply): Refusal {
  const { code, message } = errorOf(body);
  const detail = typeof message === 'string' ? message.slice(0, MESSAGE_LIMIT) : `HTTP ${status}`;
  if (typeof code === 'string' && OF_THE_NODE.includes(code)) return { reason: code as LiveReason, detail };
  return { reason: OF_STATUS[status] ?? 'error', detail };
}

function errorOf(body: string): { readonly code?: unknown; readonly message?: unknown } {
  try {
    const value = JSON.parse(body) as { readonly error?: object } | null;
    return value?.error ?? {};
  } catch {
    return {};
  }
}
