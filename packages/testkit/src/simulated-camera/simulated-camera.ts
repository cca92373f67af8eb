import type { Socket } from 'node:net';
import { messageOf, type Timer, VigiaError } from '@vigia/base';
import { type ActiveFault, FaultBoard, parseFaults } from '#simulated-camera/faults';
import { type AudioSource, type Clip, loadClip } from '#simulated-camera/media';
import { Authenticator, describeClip, type Presentation } from '#simulated-camera/rtsp';
import {
  AudioStream,
  IdleStream,
  MediaSession,
  RtpClock,
  type SentUnit,
  type SessionEvents,
  type Stream,
  VideoStream,
} from '#simulated-camera/session';
import { FaultyTransport, type MediaTransport } from '#simulated-camera/transport';
import { Connection, type ConnectionHost } from './connection.ts';
import { Counters, type SimulatedCameraStats } from './counters.ts';
import { Entrance } from './entrance.ts';
import { hostInUrl } from './listen.ts';
import type { CameraNotice } from './notices.ts';
import { checkOptions, type ResolvedOptions, resolveOptions, type SimulatedCameraOptions } from './options.ts';
import { Programme } from './programme.ts';
import { closedError, PlayingWaiters } from './waiters.ts';

/**
 * An IP camera made of a video file: an RTSP 1.0 server that plays the file's packets in an endless loop in real time,
 * with optional faults.
 *
 * Owns its listening socket, connections and timers; {@link close} ends them all.
 */
export class SimulatedCamera implements AsyncDisposable {
  /** Called for each access unit sent. Must be quick and must not throw: it runs between sending and pacing. */
  onUnitSent: ((unit: SentUnit) => void) | undefined;

  readonly clip: Clip;
  /** Without credentials. */
  readonly url: string;
  readonly port: number;
  readonly #options: ResolvedOptions;
  readonly #faults: FaultBoard;
  readonly #programme: Programme;
  readonly #entrance: Entrance;
  readonly #connections = new Set<Connection>();
  readonly #onPlayingChanged: (playing: number) => void;
  readonly #onNotice: (notice: CameraNotice) => void;
  readonly #host: ConnectionHost;
  readonly #epochMs: number;
  readonly #sdpId: number;
  readonly #waiters = new PlayingWaiters();
  readonly #count = new Counters();
  #frozen = false;
  #playing = 0;
  #staleUntilMs = 0;
  #rebootTimer: Timer | undefined;
  #faultChange: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Use {@link start}. */
  private constructor(options: SimulatedCameraOptions, resolved: ResolvedOptions, clip: Clip, entrance: Entrance) {
    const { clock, random32 } = resolved;
    this.#options = resolved;
    this.#entrance = entrance;
    this.clip = clip;
    this.onUnitSent = options.onUnitSent;
    this.#onPlayingChanged = options.onPlayingChanged ?? (() => {});
    this.#onNotice = options.onNotice ?? (() => {});
    this.port = entrance.port;
    this.url = `${resolved.tls ? 'rtsps' : 'rtsp'}://${hostInUrl(resolved.host)}:${this.port}${resolved.path}`;
    this.#epochMs = clock.nowMs();
    this.#sdpId = random32();
    this.#faults = new FaultBoard(clock);
    this.#programme = new Programme({ clip, ...resolved.programme }, this.#faults);
    this.#host = this.#createHost();
  }

  /**
   * Loads the clip and listens.
   *
   * @throws VigiaError `bad_option`, `bad_fault`, `no_second_clip`, `second_clip_unfit`, a `ClipErrorCode`, `port_in_use` or
   * `listen_failed`. Nothing is left open then.
   */
  static async start(options: SimulatedCameraOptions): Promise<SimulatedCamera> {
    checkOptions(options);
    const faults = options.faults ?? [];
    parseFaults(faults);
    const clip = typeof options.clip === 'string' ? await loadClip(options.clip) : options.clip;
    const resolved = resolveOptions(options, clip);
    let camera: SimulatedCamera | undefined;
    const entrance = await Entrance.open({
      host: resolved.host,
      port: resolved.port,
      clock: resolved.clock,
      tls: resolved.tls,
      // No connection can arrive before the constructor has run: it runs in the same turn as `listening`.
      onSocket: (socket) => (camera ? camera.#accept(socket) : socket.destroy()),
      onLost: () => {
        if (camera) camera.#onLost();
      },
    });
    camera = new SimulatedCamera(options, resolved, clip, entrance);
    try {
      if (faults.length > 0) await camera.setFaults(faults);
    } catch (error) {
      await camera.close();
      throw error;
    }
    return camera;
  }

  stats(): SimulatedCameraStats {
    return this.#count.snapshot({ connections: this.#connections.size, playing: this.#playing });
  }

  /** The active faults, as requested. */
  get faults(): string[] {
    return this.#faults.active.map((fault) => fault.text);
  }

  /**
   * Resolves once at least `sessions` sessions play.
   *
   * Rejects with the signal's reason, or with `VigiaError('closed')` when the camera closes first.
   */
  whenPlaying(sessions = 1, signal?: AbortSignal): Promise<void> {
    if (this.#playing >= sessions) return Promise.resolve();
    if (this.#closing) return Promise.reject(closedError());
    return this.#waiters.wait(sessions, signal);
  }

  /**
   * Replaces the active faults (`NAME[:ARG]`, see `FAULTS`); an empty list ends them all. A fault with unchanged text
   * continues. Resolves when the faults are in force: ports closed or open, second clips loaded.
   *
   * @throws VigiaError `bad_fault`, `no_second_clip`, `second_clip_unfit` or a `ClipErrorCode`: nothing has changed
   *   then; `port_in_use` or `listen_failed`: another process took the port meanwhile; `closed`.
   */
  setFaults(faults: readonly string[]): Promise<void> {
    const change = this.#faultChange.then(() => this.#applyFaults(faults));
    this.#faultChange = change.catch(() => {});
    return change;
  }

  /**
   * In lock-step: every playing session sends its next unit. Returns the unit of the oldest one; undefined when no
   * session plays, the camera is paused or the unit was dropped.
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

  /** Freezes: sockets stay open and are accepted, nothing is read or sent. Idempotent. */
  pause(): void {
    this.#frozen = true;
    for (const connection of this.#connections) connection.freeze('pause');
  }

  /** Ends a freeze: RTP time has continued meanwhile, the clip has not. */
  resume(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    for (const connection of this.#connections) connection.thaw('pause');
  }

  /** Destroys all connections; new ones are accepted. */
  dropClients(): void {
    // A set may lose members during iteration: `close` removes the connection.
    for (const connection of this.#connections) connection.close();
  }

  /** Destroys connections, stops listening; resolves when all sockets are closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shutDown(): Promise<void> {
    this.#rebootTimer?.cancel();
    const shut = this.#entrance.close();
    this.dropClients();
    this.#waiters.rejectAll();
    return shut;
  }

  #accept(socket: Socket): void {
    if (this.#closing || this.#connections.size >= this.#options.maxConnections) {
      this.#onLost();
      socket.destroy();
      return;
    }
    this.#count.connectionsTotal += 1;
    const connection = new Connection(socket, this.#host);
    this.#connections.add(connection);
    this.#onNotice({ type: 'connected', client: connection.remote });
    if (this.#frozen) connection.freeze('pause');
  }

  #onLost(): void {
    this.#count.connectionsRefused += 1;
  }

  async #applyFaults(texts: readonly string[]): Promise<void> {
    if (this.#closing) throw closedError();
    const faults = parseFaults(texts);
    await this.#programme.prepare(faults);
    const { began, ended } = this.#faults.set(faults);
    for (const connection of this.#connections) connection.onFaultsChanged();
    const reboot = began.find(({ name }) => name === 'reboot');
    if (!this.#faults.get('reboot') || reboot) this.#rebootTimer?.cancel();
    if (reboot) this.#startReboot(reboot);
    await this.#shutOrOpen();
    for (const { text } of ended) this.#onNotice({ type: 'fault_ended', fault: text });
    for (const { text } of began) this.#onNotice({ type: 'fault_began', fault: text });
  }

  async #shutOrOpen(): Promise<void> {
    if (!this.#faults.get('refuse') && !this.#faults.get('reboot')) return this.#entrance.reopen();
    const shut = this.#entrance.shut();
    this.dropClients();
    return shut;
  }

  #startReboot(reboot: ActiveFault): void {
    this.#rebootTimer = this.#options.clock.after(reboot.value, () => void this.#endReboot(reboot));
  }

  async #endReboot(reboot: ActiveFault): Promise<void> {
    const others = this.#faults.active.filter((fault) => fault !== reboot).map(({ text }) => text);
    try {
      await this.setFaults(others);
      this.#onNotice({ type: 'fault_over', fault: reboot.text });
    } catch (error) {
      if (!this.#closing) this.#onNotice({ type: 'port_lost', message: messageOf(error) });
    }
  }

  #createHost(): ConnectionHost {
    const { auth, random32, clock } = this.#options;
    const newNonce = (): string => [0, 0, 0, 0].map(() => hex32(random32())).join('');
    // No client knows this password.
    const locked = new Authenticator({ scheme: 'digest', user: '', password: newNonce() }, newNonce);
    const count = this.#count;
    return {
      options: this.#options,
      faults: this.#faults,
      authenticator: auth ? new Authenticator(auth, newNonce) : undefined,
      lockedAuthenticator: auth ? new Authenticator({ ...auth, password: newNonce() }, newNonce) : locked,
      presentation: () => this.#presentation(),
      url: this.url,
      newSessionId: () => this.#options.vendor?.newSessionId(random32) ?? hex32(random32()),
      createSession: (id, events) => this.#createSession(id, events),
      wrapTransport: (inner, carriesPictures, onCut) => this.#wrapTransport(inner, carriesPictures, onCut),
      holdsStaleSession: () => this.#faults.get('stale-session') !== undefined && clock.nowMs() < this.#staleUntilMs,
      onRequest: () => (count.requests += 1),
      onReply: (status, bytes) => count.addReply(status, bytes),
      onReceiverReports: (reports) => (count.receiverReports += reports),
      onPlayingChanged: () => this.#countPlaying(),
      onBroken: () => (this.#staleUntilMs = clock.nowMs() + (this.#faults.get('stale-session')?.value ?? 0)),
      onClosed: (connection) => {
        this.#connections.delete(connection);
        this.#countPlaying();
        this.#onNotice({ type: 'disconnected', client: connection.remote });
      },
    };
  }

  #presentation(): Presentation {
    const { clip, timeline, payloadType } = this.#programme.current;
    const recorded = this.#options.vendor?.presentation(clip, payloadType);
    if (recorded) return recorded;
    const { path, audio, advertisedCodec: codec } = this.#options;
    const { fps } = timeline;
    return describeClip(clip, { sessionId: this.#sdpId, codec, payloadType, fps, path, audio });
  }

  #wrapTransport(inner: MediaTransport, carriesPictures: boolean, onCut: () => void): FaultyTransport {
    const { clock, faultRandom32 } = this.#options;
    return new FaultyTransport(inner, {
      clock,
      faults: this.#faults,
      random: () => faultRandom32() / 2 ** 32,
      carriesPictures,
      onCut,
      onSpoiled: (what) => (this.#count.packets[what] += 1),
    });
  }

  #createSession(id: string, events: SessionEvents): MediaSession {
    const { clock, audio } = this.#options;
    this.#count.sessionsTotal += 1;
    const rtpClock = new RtpClock(clock, this.#faults);
    return new MediaSession({
      id,
      clock,
      faults: this.#faults,
      events,
      createStream: (kind, transport, onUnit) => {
        if (kind === 'video') return this.#createVideo(id, rtpClock, transport, onUnit);
        if (kind === 'audio' && audio) return this.#createAudio(audio, rtpClock, transport);
        return new IdleStream(this.#options.random32);
      },
    });
  }

  #createVideo(
    sessionId: string,
    rtpClock: RtpClock,
    transport: MediaTransport,
    onUnit: (unit: SentUnit) => void,
  ): Stream {
    const count = this.#count;
    return new VideoStream(transport, {
      ...this.#options,
      sessionId,
      rtpClock,
      faults: this.#faults,
      current: () => this.#programme.current,
      sharedEpochMs: this.#options.startAtKeyframe === 'next' ? this.#epochMs : undefined,
      strangeReports: this.#options.quirks.includes('rtcp-of-unknown-track'),
      onUnit: (unit) => {
        this.#countUnit(unit);
        onUnit(unit);
      },
      onDropped: () => (count.unitsDropped += 1),
      onWithheld: () => (count.keyframesWithheld += 1),
      onReport: (bytes) => (count.bytesSent += bytes),
    });
  }

  #createAudio(source: AudioSource, rtpClock: RtpClock, transport: MediaTransport): Stream {
    const count = this.#count;
    return new AudioStream(transport, {
      ...this.#options,
      source,
      payloadType: this.#options.vendor?.audioPayloadType ?? source.payloadType,
      rtpClock,
      faults: this.#faults,
      strangeReports: false,
      onSent: (packets, bytes) => {
        count.audioPacketsSent += packets;
        count.bytesSent += bytes;
      },
      onDropped: () => (count.audioUnitsDropped += 1),
      onReport: (bytes) => (count.bytesSent += bytes),
    });
  }

  #countUnit(unit: SentUnit): void {
    this.#count.unitsSent += 1;
    this.#count.bytesSent += unit.bytes;
    if (unit.keyframe) this.#count.keyframesSent += 1;
    this.onUnitSent?.(unit);
  }

  #countPlaying(): void {
    const playing = [...this.#connections].filter((connection) => connection.playing).length;
    if (playing === this.#playing) return;
    this.#playing = playing;
    this.#onPlayingChanged(playing);
    this.#waiters.update(playing);
  }
}

function hex32(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
