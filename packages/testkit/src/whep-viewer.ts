import { sleep, systemClock } from '@vigia/base';
import {
  Audio,
  cleanup,
  type DataChannel,
  initLogger,
  PeerConnection,
  type PeerConnection as Connection,
  type Track,
  Video,
  WebSocket,
} from 'node-datachannel';

/** What a viewer was sent. */
export interface SeenPacket {
  /** Payload type: 102 is H.264, 104 H.265, 0 PCMU, 8 PCMA. */
  readonly type: number;
  readonly stamp: number;
  /** Of the last packet of a picture. */
  readonly marker: boolean;
}

/** What a viewer wants. */
export interface WhepViewerOptions {
  /** Whether it offers to receive sound, in front of the video or behind it. Default: it does not. */
  readonly sound?: 'first' | 'last';
}

/** The answer to an offer. */
export interface WhepAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * A viewer of live video (WHEP) without a browser: real ICE, DTLS and SRTP, and the RTP packets themselves. Decodes nothing.
 */
export class WhepViewer {
  /** All that came. A viewer that stays for long may empty it. */
  readonly packets: SeenPacket[] = [];
  /** The same of sound. */
  readonly heard: SeenPacket[] = [];
  readonly times: { readonly rtp: number; readonly captured_at: string }[] = [];
  readonly #connection: Connection;
  /** Held: the library ends a track that nobody holds. */
  readonly #tracks: readonly Track[];
  readonly #channel: DataChannel;
  readonly #waiters = new Set<() => void>();
  #state = 'new';

  constructor({ sound }: WhepViewerOptions = {}) {
    initLogger('Fatal', () => undefined);
    this.#connection = new PeerConnection('test', { iceServers: [], bindAddress: '127.0.0.1' });
    const tracks = [() => this.#addVideo(), ...(sound ? [() => this.#addSound()] : [])];
    this.#tracks = (sound === 'first' ? tracks.reverse() : tracks).map((add) => add());
    this.#channel = this.#connection.createDataChannel('vigia.times', { unordered: true, maxRetransmits: 0 });
    this.#channel.onMessage((message) => {
      this.times.push(JSON.parse(message as string) as WhepViewer['times'][number]);
      this.#wake();
    });
    this.#connection.onStateChange((state) => {
      this.#state = state;
      this.#wake();
    });
  }

  get state(): string {
    return this.#state;
  }

  /**
   * The offer, which the library makes by itself, in a thread of its own. Without addresses: a connection that is there before
   * the answer is, with the other end's certificate, ends.
   */
  async offer(): Promise<string> {
    for (;;) {
      const sdp = this.#connection.localDescription()?.sdp;
      if (sdp?.includes('a=candidate') && this.#connection.gatheringState() === 'complete')
        return sdp.replaceAll(/a=candidate.*\r\n/g, '');
      await sleep(systemClock, 5);
    }
  }

  /** Sends the offer, and takes the answer if there is one. @param url Of the camera's `whep`. */
  async open(url: string, headers: Record<string, string> = {}): Promise<WhepAnswer> {
    const answer = await postOffer(url, await this.offer(), headers);
    if (answer.status === 201) this.#connection.setRemoteDescription(answer.text, 'answer');
    return answer;
  }

  /** Waits until something holds; looks with everything that comes. */
  async until(what: string, holds: () => boolean, watchdogMs = 20_000): Promise<void> {
    const untilMs = systemClock.nowMs() + watchdogMs;
    while (!holds()) {
      if (systemClock.nowMs() > untilMs)
        throw new Error(
          `watchdog: ${what} (${this.#state}, ${this.packets.length} packets, ${this.times.length} times)`,
        );
      await new Promise<void>((resolve) => {
        const timer = systemClock.after(200, resolve);
        this.#waiters.add(() => {
          timer.cancel();
          resolve();
        });
      });
    }
  }

  /** Ends the connection. Idempotent. */
  close(): void {
    for (const track of this.#tracks) track.close();
    this.#connection.close();
  }

  #addVideo(): Track {
    const video = new Video('0', 'RecvOnly');
    video.addH264Codec(102, 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f');
    video.addH265Codec(104);
    const track = this.#connection.addTrack(video);
    track.onMessage((packet) => this.#take(packet, this.packets));
    return track;
  }

  #addSound(): Track {
    const audio = new Audio('1', 'RecvOnly');
    audio.addAudioCodec(0, 'PCMU/8000');
    audio.addAudioCodec(8, 'PCMA/8000');
    const track = this.#connection.addTrack(audio);
    track.onMessage((packet) => this.#take(packet, this.heard));
    return track;
  }

  #take(packet: Buffer, seen: SeenPacket[]): void {
    const type = packet.readUInt8(1) & 0x7f;
    // RTCP (RFC 5761).
    if (type >= 64 && type < 96) return;
    seen.push({ type, stamp: packet.readUInt32BE(4), marker: (packet.readUInt8(1) & 0x80) !== 0 });
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}

/** A viewer of a movie (`live.mp4`) that keeps nothing of it. */
export class MovieViewer {
  /** Messages that came, and how many of them were parts of the movie. */
  messages = 0;
  parts = 0;
  isClosed = false;
  readonly #socket = new WebSocket();

  /** @param confirms Whether it says what it has had, as it must. */
  constructor(url: string, confirms: boolean) {
    this.#socket.onClosed(() => {
      this.isClosed = true;
    });
    this.#socket.onError(() => {
      this.isClosed = true;
    });
    this.#socket.onMessage((message) => {
      this.messages += 1;
      if (typeof message !== 'string') this.parts += 1;
      if (confirms && this.#socket.isOpen()) this.#socket.sendMessage(String(this.messages));
    });
    this.#socket.open(url);
  }

  /** Resolves at its end. Also for one that the node has ended: until then the library's threads cannot be ended. */
  async close(): Promise<void> {
    this.#socket.close();
    while (!this.isClosed) await sleep(systemClock, 20);
  }
}

/** Ends the library's threads, which keep a program running. After the last viewer has closed. */
export function endViewers(): void {
  cleanup();
}

/** Sends text in place of an offer. */
export async function postOffer(url: string, sdp: string, headers: Record<string, string> = {}): Promise<WhepAnswer> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...headers },
    body: sdp,
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
