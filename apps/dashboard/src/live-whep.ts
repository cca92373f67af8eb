import {
  type LiveBrowser,
  type LiveReply,
  type Peer,
  refusalOf,
  REQUEST_MS,
  takeTime,
  type Transceiver,
  type WayEvents,
} from './live-way.ts';
import { readOrigin } from './picture-times.ts';

/** Longest answer (SDP), characters. */
const ANSWER_LIMIT = 64 * 1024;
/** Of the data channel on which the node sends the times of pictures. */
const TIMES = 'vigia.times';

/** One attempt over WHEP. It closes everything that it opened: its peer connection, and its session at the node. */
export class Whep<Track> {
  readonly #browser: LiveBrowser<Track>;
  readonly #path: string;
  readonly #events: WayEvents<Track>;
  #peer: Peer<Track> | null = null;
  /** Path of the session at the node. */
  #session: string | null = null;
  #ended = false;

  constructor(browser: LiveBrowser<Track>, camera: string, events: WayEvents<Track>) {
    this.#browser = browser;
    this.#path = `/api/v1/cameras/${encodeURIComponent(camera)}/whep`;
    this.#events = events;
  }

  /** Never rejects. */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch {
      if (!this.#ended) this.#events.failed({ reason: 'error', detail: '' });
    }
  }

  /** Idempotent. @param isGone The node has ended its session by itself. */
  close(isGone: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const peer = this.#peer;
    if (this.#session === null || isGone) peer?.close();
    // A node that sees the peer go has no session left that could be ended: the peer goes last.
    else void this.#endSession(this.#session).then(() => peer?.close());
  }

  async #connect(): Promise<void> {
    let peer: Peer<Track>;
    try {
      peer = this.#browser.openPeer();
    } catch {
      return this.#events.refused({ reason: 'browser', detail: '' });
    }
    this.#peer = peer;
    const sound = this.#listen(peer);
    await peer.setLocalDescription();
    if (this.#ended) return;
    // Its own addresses need not be known: the node answers where it is asked from.
    const reply = await this.#ask(peer.localDescription?.sdp ?? '');
    if (this.#ended) return;
    if (reply === null) return this.#events.failed({ reason: 'no_answer', detail: '' });
    if (reply.status !== 201) return this.#refuse(reply);
    const origin = readOrigin(reply.origin);
    if (this.#session === null || origin === undefined || reply.body.length > ANSWER_LIMIT) {
      this.#events.dropped();
      return this.#events.failed({ reason: 'error', detail: '' });
    }
    this.#events.answered(origin);
    await peer.setRemoteDescription({ type: 'answer', sdp: reply.body });
    if (!this.#ended && sound.currentDirection === 'recvonly') this.#events.sound(sound.receiver.track);
  }

  /** @returns the sound, which the node may have. */
  #listen(peer: Peer<Track>): Transceiver<Track> {
    const { receiver } = peer.addTransceiver('video', { direction: 'recvonly' });
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    const sound = peer.addTransceiver('audio', { direction: 'recvonly' });
    const channel = peer.createDataChannel(TIMES, { ordered: false, maxRetransmits: 0 });
    channel.addEventListener('message', ({ data }) => {
      if (!this.#ended) takeTime(data, this.#events);
    });
    channel.addEventListener('close', () => this.#lose());
    peer.addEventListener('connectionstatechange', () => {
      if (peer.connectionState === 'failed' || peer.connectionState === 'closed') this.#lose();
    });
    this.#events.video(receiver.track);
    return sound;
  }

  /** Null: no answer. A session that comes after the end of its attempt is ended at once. */
  async #ask(offer: string): Promise<LiveReply | null> {
    const options = { body: offer, timeoutMs: REQUEST_MS };
    const reply = await this.#browser.request('POST', this.#path, options).catch(() => null);
    const session = reply?.status === 201 ? reply.location : null;
    if (session === null || !session.startsWith(`${this.#path}/`)) return reply;
    if (this.#ended) void this.#endSession(session);
    else this.#session = session;
    return reply;
  }

  /** An answer other than 201. */
  #refuse(reply: LiveReply): void {
    const { final, ...refusal } = refusalOf(reply);
    if (final) this.#events.refused(refusal);
    else this.#events.failed(refusal);
  }

  #lose(): void {
    if (this.#ended) return;
    // The node notices it, too: nothing is left there to be ended.
    this.#session = null;
    this.#events.lost();
  }

  /** Never rejects: without an answer the node ends the session by itself once the peer is gone. */
  async #endSession(session: string): Promise<void> {
    await this.#browser.request('DELETE', session, { timeoutMs: REQUEST_MS }).catch(() => {});
  }
}
