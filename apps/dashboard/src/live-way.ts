import { type PictureTime, readPictureTime } from './picture-times.ts';

/** A request that takes longer is given up. */
export const REQUEST_MS = 5000;
/** Longest message of the node that is shown, characters. */
const MESSAGE_LIMIT = 200;

/** How live video comes: over WebRTC, or as a movie over a WebSocket where WebRTC does not pass. */
export type Way = 'webrtc' | 'movie';

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
export interface Refusal {
  readonly reason: LiveReason;
  readonly detail: string;
}

/** What is used of an `RTCPeerConnection`. */
export interface Peer<Track> {
  readonly connectionState: string;
  readonly localDescription: { readonly sdp: string } | null;
  addTransceiver(kind: 'video' | 'audio', init: { direction: 'recvonly' }): Transceiver<Track>;
  createDataChannel(label: string, init: { ordered: boolean; maxRetransmits: number }): Channel;
  setLocalDescription(): Promise<void>;
  setRemoteDescription(answer: { type: 'answer'; sdp: string }): Promise<void>;
  addEventListener(type: 'connectionstatechange', listener: () => void): void;
  close(): void;
}

/** What is used of an `RTCRtpTransceiver`. `currentDirection`: null before the answer; `inactive`: nothing comes. */
export interface Transceiver<Track> {
  readonly receiver: Receiver<Track>;
  readonly currentDirection: string | null;
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

/** Plays a movie whose parts come one after the other. */
export interface Player<Track> {
  readonly track: Track;
  append(part: ArrayBuffer): void;
  close(): void;
}

/** Who hears of a player. `failed` comes once, and last. */
export interface PlayerEvents {
  /** A part can be played. */
  appended(): void;
  failed(): void;
}

/** Who hears of a socket. `closed` comes once, and last. */
export interface LiveSocketHandlers {
  readonly text: (message: string) => void;
  readonly binary: (message: ArrayBuffer) => void;
  readonly closed: () => void;
}

/** An answer over HTTP, with the headers that matter here. */
export interface LiveReply {
  readonly status: number;
  readonly body: string;
  readonly location: string | null;
  readonly origin: string | null;
}

/** What live video needs of a browser. */
export interface LiveBrowser<Track> {
  /** The way that is tried first; the one that worked last, so that nobody waits for another one again. */
  readonly first: { way: Way };
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
  /** Throws where the browser has no WebRTC that says which picture is on the screen. */
  openPeer(): Peer<Track>;
  openSocket(path: string, handlers: LiveSocketHandlers): { send(text: string): void; close(): void };
  /** Throws where the browser cannot play this type. */
  openPlayer(mime: string, events: PlayerEvents): Player<Track>;
}

/** What becomes of one attempt to connect. Nothing comes after `lost`, `failed` or `refused`. */
export interface WayEvents<Track> {
  /** The node answered: pictures from this stamp on are live. */
  answered(origin: number): void;
  video(track: Track): void;
  /** The answer has sound: this camera's own, in a stream of its own. Not with a movie. */
  sound(track: Track): void;
  time(time: PictureTime): void;
  /** A message broke the protocol. */
  dropped(): void;
  /** The node noticed the end, too. */
  lost(): void;
  failed(refusal: Refusal): void;
  /** It would be so again. */
  refused(refusal: Refusal): void;
}

/** Reads a time of a picture; what is none is dropped, and counted. */
export function takeTime(data: unknown, { time, dropped }: Pick<WayEvents<unknown>, 'time' | 'dropped'>): void {
  const read = readPictureTime(data);
  if (read === undefined) dropped();
  else time(read);
}

const OF_THE_NODE: readonly string[] = ['camera_away', 'busy', 'no_live', 'privacy', 'codec'] satisfies LiveReason[];
const OF_STATUS: Readonly<Record<number, LiveReason>> = { 401: 'login', 403: 'forbidden', 404: 'not_found' };
const FINAL: ReadonlySet<LiveReason> = new Set(['privacy', 'codec', 'forbidden', 'not_found', 'browser']);

/** Reads an answer that is no success. `final`: it would be the same again. */
export function refusalOf({ status, body }: LiveReply): Refusal & { readonly final: boolean } {
  const { code, message } = errorOf(body);
  const detail = typeof message === 'string' ? message.slice(0, MESSAGE_LIMIT) : `HTTP ${status}`;
  const reason =
    typeof code === 'string' && OF_THE_NODE.includes(code) ? (code as LiveReason) : (OF_STATUS[status] ?? 'error');
  return { reason, detail, final: FINAL.has(reason) };
}

function errorOf(body: string): { readonly code?: unknown; readonly message?: unknown } {
  try {
    const value = JSON.parse(body) as { readonly error?: object } | null;
    return value?.error ?? {};
  } catch {
    return {};
  }
}
