import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, FrameDecoder, type Log, peerUser, quoted } from '@vigia/base';
import type { SourceReason } from '#core/media';
import type { EncodedTap, EncodedTapOptions } from './encoded-tap.ts';
import { decodeWish, encodeLine, type RelayLine } from './relay-protocol.ts';
import { RelayReader } from './relay-reader.ts';

/** The connection to the camera, as readers are informed of it. */
export type RelayState = Exclude<RelayLine, { type: 'format' }>;

/** What becomes of the connection, as far as readers need it. */
export interface ConnectionState {
  /** `waiting`: it ended, and another one follows; `stopped`: for ever. */
  readonly state: 'connecting' | 'live' | 'stalled' | 'waiting' | 'stopped';
  readonly reason?: SourceReason;
  readonly message?: string;
  readonly retryInMs?: number;
}

/** Options of {@link RelayServer}. */
export interface RelayServerOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly openTap: (options: EncodedTapOptions) => EncodedTap;
  /** Packets that the connection has lost so far. */
  readonly lostPackets: () => number;
  /** A reader can use no picture of this connection. */
  readonly onReconnect: (message: string) => void;
  /** Of units that one reader has not taken. Bytes. */
  readonly readerBytes: number;
}

/** A camera process and the live process, and for a moment their predecessors; nobody else comes. */
const READERS = 4;
/** A socket holds so much of a bunch of units before it must be taken. */
const SOCKET_BYTES = 256 * 1024;
const WISH_LIMIT = 16 * 1024;
const MESSAGE_LIMIT = 500;

/**
 * Passes the units of a camera on to other processes, over a Unix socket. A reader that is slow, stopped or dead costs the
 * bytes of its tap: it loses whole groups of pictures, and nobody else loses anything.
 */
export class RelayServer {
  readonly #o: RelayServerOptions;
  readonly #server: Server;
  readonly #readers = new Map<Socket, RelayReader>();
  #state: RelayState = { type: 'connecting' };
  #downSinceMs = 0;
  #failures = 0;

  private constructor(options: RelayServerOptions) {
    this.#o = options;
    this.#server = createServer({ highWaterMark: SOCKET_BYTES }, (socket) => this.#accept(socket));
    this.#server.on('error', (error) => options.log.error(`the relay of its units: ${error.message}`));
  }

  /** Listens. @throws the operating system's error. */
  static async open(options: RelayServerOptions): Promise<RelayServer> {
    const relay = new RelayServer(options);
    // Left by a process that was killed.
    rmSync(options.socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(options.socketPath, () => {
        relay.#server.off('error', reject);
        resolve();
      });
    });
    return relay;
  }

  /** Informs all readers, and those that come later. */
  announce(state: RelayState): void {
    this.#state = state;
    this.#downSinceMs = this.#o.clock.nowMs();
    for (const socket of this.#readers.keys()) socket.write(encodeLine(state));
  }

  /** Informs them of what became of the connection. */
  follow({ state, reason, message, retryInMs }: ConnectionState): void {
    if (state === 'connecting') this.announce({ type: 'connecting' });
    if (state !== 'waiting' && !(state === 'stopped' && reason !== undefined)) return;
    this.#failures += 1;
    this.announce({
      type: 'down',
      n: this.#failures,
      reason: reason ?? 'ended',
      message: message ?? 'it is over',
      retryInMs: retryInMs ?? null,
    });
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Ends all connections, and removes the socket. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#readers.keys()) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const own = process.getuid?.();
    if (this.#readers.size >= READERS || (own !== undefined && peerUser(socket) !== own)) {
      socket.destroy();
      return;
    }
    const tap = this.#o.openTap({ maxBytes: this.#o.readerBytes, fromRecent: true });
    const reader = new RelayReader({ socket, tap, clock: this.#o.clock, lostPackets: this.#o.lostPackets });
    this.#readers.set(socket, reader);
    socket.once('close', () => {
      this.#readers.delete(socket);
      reader.end();
    });
    this.#listen(socket, reader);
    socket.write(encodeLine(this.#stateAt(this.#o.clock.nowMs())));
    void reader.run();
  }

  /** Of a wait, what is left of it. */
  #stateAt(nowMs: number): RelayState {
    const state = this.#state;
    if (state.type !== 'down' || state.retryInMs === null) return state;
    return { ...state, retryInMs: Math.max(0, state.retryInMs - (nowMs - this.#downSinceMs)) };
  }

  #listen(socket: Socket, reader: RelayReader): void {
    const decoder = new FrameDecoder(WISH_LIMIT);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) {
          const wish = decodeWish(message);
          if (wish?.type === 'reconnect') this.#o.onReconnect(quoted(wish.message, MESSAGE_LIMIT));
          else if (wish?.type === 'sound') reader.hears = wish.wanted;
          else if (wish) reader.wanted = wish.wanted;
          else socket.destroy();
        }
      } catch {
        // Longer than any wish.
        socket.destroy();
      }
    });
  }
}
