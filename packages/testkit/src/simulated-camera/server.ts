import { createServer, type Server, type Socket } from 'node:net';
import { VigiaError } from '@vigia/base';
import { Authenticator } from './auth.ts';
import { type Clip, loadClip } from './clip.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { hostInUrl, listen, portOf } from './listen.ts';
import { checkOptions, type ResolvedOptions, resolveOptions, type SimulatedCameraOptions } from './options.ts';
import { describeClip } from './sdp.ts';
import { MediaSession, type SentUnit } from './session.ts';
import { LoopTimeline } from './timeline.ts';
import type { MediaTransport } from './transport.ts';

/** Counts since the start, and what is open now. */
export interface SimulatedCameraStats {
  /** Open connections, with or without a session. */
  readonly connections: number;
  /** Connections taken so far. */
  readonly connectionsTotal: number;
  /** Connections closed at once because there were too many. */
  readonly connectionsRefused: number;
  /** Sessions that play now. */
  readonly playing: number;
  /** Sessions set up so far. */
  readonly sessionsTotal: number;
  readonly unitsSent: number;
  readonly keyframesSent: number;
  /** Units not sent because the client did not read. */
  readonly unitsDropped: number;
  /** Media, reports and replies on the wire, framing included. */
  readonly bytesSent: number;
  readonly requests: number;
  /** Replies by status, such as `{200: 4, 401: 1}`. */
  readonly replies: Readonly<Record<number, number>>;
}

interface Waiter {
  readonly sessions: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * An IP camera made of a video file: an RTSP 1.0 server that plays the file's H.264 packets in real time and for ever.
 *
 * Owns its listening socket, connections and timers; {@link close} ends them all.
 */
export class SimulatedCamera implements AsyncDisposable {
  /** Called for each access unit given to the network. Must be quick and must not throw: it runs between sending and pacing. */
  onUnitSent: ((unit: SentUnit) => void) | undefined;

  readonly clip: Clip;
  /** Without credentials. */
  readonly url: string;
  readonly port: number;
  readonly #options: ResolvedOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #onPlayingChanged: (playing: number) => void;
  readonly #host: ConnectionHost;
  readonly #epochMs: number;
  readonly #timeline: LoopTimeline;
  #waiters: Waiter[] = [];
  #frozen = false;
  #playing = 0;
  #closing: Promise<void> | undefined;
  readonly #replies: Record<number, number> = {};
  readonly #count = {
    connections: 0,
    refused: 0,
    sessions: 0,
    units: 0,
    keyframes: 0,
    dropped: 0,
    bytes: 0,
    requests: 0,
  };

  /** Use {@link start}. */
  private constructor(options: SimulatedCameraOptions, resolved: ResolvedOptions, clip: Clip, server: Server) {
    this.#options = resolved;
    this.#server = server;
    this.clip = clip;
    this.onUnitSent = options.onUnitSent;
    this.#onPlayingChanged = options.onPlayingChanged ?? (() => {});
    this.port = portOf(server);
    this.url = `rtsp://${hostInUrl(resolved.host)}:${this.port}${resolved.path}`;
    this.#epochMs = resolved.clock.nowMs();
    this.#timeline = new LoopTimeline(clip, resolved.fps);
    this.#host = this.#createHost();
    server.on('connection', (socket) => this.#accept(socket));
    // Failing to take one connection (no file descriptors left) must not end the camera.
    server.on('error', () => (this.#count.refused += 1));
  }

  /**
   * Loads the clip and listens.
   *
   * @throws VigiaError `bad_option`, a `ClipErrorCode`, `port_in_use` or `listen_failed`. Nothing is left open then.
   */
  static async start(options: SimulatedCameraOptions): Promise<SimulatedCamera> {
    checkOptions(options);
    const clip = typeof options.clip === 'string' ? await loadClip(options.clip) : options.clip;
    const resolved = resolveOptions(options, clip);
    const server = createServer();
    await listen(server, resolved.host, resolved.port);
    // No connection event can come before the constructor has subscribed: it runs in the same turn as `listening`.
    return new SimulatedCamera(options, resolved, clip, server);
  }

  stats(): SimulatedCameraStats {
    const { connections, refused, sessions, units, keyframes, dropped, bytes, requests } = this.#count;
    return {
      connections: this.#connections.size,
      connectionsTotal: connections,
      connectionsRefused: refused,
      playing: this.#playing,
      sessionsTotal: sessions,
      unitsSent: units,
      keyframesSent: keyframes,
      unitsDropped: dropped,
      bytesSent: bytes,
      requests,
      replies: { ...this.#replies },
    };
  }

  /**
   * Resolves once at least `sessions` sessions play.
   *
   * Rejects with the signal's reason, or with `VigiaError('closed')` when the camera closes first.
   */
  whenPlaying(sessions = 1, signal?: AbortSignal): Promise<void> {
    if (this.#playing >= sessions) return Promise.resolve();
    if (this.#closing) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      const settle = (run: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        run();
      };
      const waiter: Waiter = {
        sessions,
        resolve: () => settle(resolve),
        reject: (reason) => settle(() => reject(reason)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /**
   * In lock-step: every playing session sends its next unit. Returns what the oldest playing one sent; undefined when
   * nobody plays, the camera is paused or the unit was dropped.
   *
   * @throws VigiaError `not_lock_step` when the camera paces itself.
   */
  step(): SentUnit | undefined {
    if (this.#options.pacing === 'real-time') {
      throw new VigiaError('not_lock_step', 'step() was called on a camera with pacing real-time: lock-step is needed');
    }
    const playing = [...this.#connections].filter((connection) => connection.playing);
    return playing.map((connection) => connection.step())[0];
  }

  /** Freezes: sockets stay open and are accepted, nothing is read or sent. Twice is fine. */
  pause(): void {
    this.#frozen = true;
    for (const connection of this.#connections) connection.freeze();
  }

  /** Ends a freeze: RTP time has gone on meanwhile, the clip has not. */
  resume(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    for (const connection of this.#connections) connection.thaw();
  }

  /** Destroys all connections; new ones are welcome. */
  dropClients(): void {
    // A set may lose members while it is walked: `close` takes the connection out.
    for (const connection of this.#connections) connection.close();
  }

  /** Destroys connections, stops listening; resolves when all sockets are closed. Twice is fine. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.dropClients();
      for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    if (this.#closing || this.#connections.size >= this.#options.maxConnections) {
      this.#count.refused += 1;
      socket.destroy();
      return;
    }
    this.#count.connections += 1;
    const connection = new Connection(socket, this.#host);
    this.#connections.add(connection);
    if (this.#frozen) connection.freeze();
  }

  #createHost(): ConnectionHost {
    const { auth, fps, advertisedCodec, random32 } = this.#options;
    const nonce = [0, 0, 0, 0].map(() => hex32(random32())).join('');
    return {
      options: this.#options,
      authenticator: auth ? new Authenticator(auth, nonce) : undefined,
      sdp: describeClip(this.clip, { sessionId: random32(), codec: advertisedCodec, fps }),
      url: this.url,
      createSession: (transport) => this.#createSession(transport),
      onRequest: () => (this.#count.requests += 1),
      onReply: (status, bytes) => {
        this.#replies[status] = (this.#replies[status] ?? 0) + 1;
        this.#count.bytes += bytes;
      },
      onPlayingChanged: () => this.#countPlaying(),
      onClosed: (connection) => {
        this.#connections.delete(connection);
        this.#countPlaying();
      },
    };
  }

  #createSession(transport: MediaTransport): MediaSession {
    const { clock, pacing, startAtKeyframe, stampSendTime, maxPayloadBytes, maxBacklogBytes, random32 } = this.#options;
    this.#count.sessions += 1;
    return new MediaSession(transport, {
      id: hex32(random32()),
      clock,
      clip: this.clip,
      timeline: this.#timeline,
      pacing,
      sharedEpochMs: startAtKeyframe === 'next' ? this.#epochMs : undefined,
      stampSendTime,
      maxPayloadBytes,
      maxBacklogBytes,
      random32,
      onUnit: (unit) => this.#onUnit(unit),
      onDropped: () => (this.#count.dropped += 1),
      onReport: (bytes) => (this.#count.bytes += bytes),
    });
  }

  #onUnit(unit: SentUnit): void {
    this.#count.units += 1;
    this.#count.bytes += unit.bytes;
    if (unit.keyframe) this.#count.keyframes += 1;
    this.onUnitSent?.(unit);
  }

  #countPlaying(): void {
    const playing = [...this.#connections].filter((connection) => connection.playing).length;
    if (playing === this.#playing) return;
    this.#playing = playing;
    this.#onPlayingChanged(playing);
    const ready = this.#waiters.filter((waiter) => waiter.sessions <= playing);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sessions > playing);
    for (const waiter of ready) waiter.resolve();
  }
}

function hex32(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

function closedError(): VigiaError<'closed'> {
  return new VigiaError('closed', 'the simulated camera was closed');
}
