import type { Socket } from 'node:net';
import type { Timer } from '@vigia/base';
import { VigiaError } from '@vigia/base';
import { countReceiverReports } from '#simulated-camera/media';
import { applyQuirks, formatReply, type RtspReply, type RtspRequest, RtspRequestParser } from '#simulated-camera/rtsp';
import type { SentUnit } from '#simulated-camera/session';
import { plainAddress } from '#simulated-camera/transport';
import { RtspService, type ServiceHost } from './rtsp-service.ts';

/** What a connection needs from its camera. The camera implements it and owns everything in it. */
export interface ConnectionHost extends ServiceHost {
  onRequest(request: RtspRequest): void;
  onReply(status: number, bytes: number): void;
  onReceiverReports(count: number): void;
  /** Called once, when the connection is closed. */
  onClosed(connection: Connection): void;
}

/** Why a connection is frozen: the camera's `pause`, or the fault `freeze`. */
type ConnectionFreeze = 'pause' | 'fault';

/** How long a client may be silent beyond the announced timeout. */
const TIMEOUT_GRACE_MS = 10_000;
/** Unread bytes, on top of the media's limit, at which a client that keeps sending requests is cut off. */
const MAX_UNREAD_BYTES: number = 16 * 1024 * 1024;
/** Requests that may wait for an earlier one. */
const MAX_WAITING_REQUESTS = 64;

/** One client: owns the socket, reads requests, writes replies in their order. {@link RtspService} answers them. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser = new RtspRequestParser();
  readonly #service: RtspService;
  readonly #frozenBy = new Set<ConnectionFreeze>();
  readonly #connectedMs: number;
  #waiting: RtspRequest[] = [];
  #busy = false;
  #silenceTimer: Timer | undefined;
  #flapTimer: Timer | undefined;
  #lastHeardMs: number;
  #closed = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#service = new RtspService(socket, host, {
      onRtcp: (packet) => this.#onRtcp(packet),
      onFreeze: (frozen) => (frozen ? this.freeze('fault') : this.thaw('fault')),
    });
    this.#connectedMs = host.options.clock.nowMs();
    this.#lastHeardMs = this.#connectedMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.close());
    // A reset by the client is not worth a report; `close` follows.
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
    this.#watchSilence();
    this.onFaultsChanged();
  }

  get playing(): boolean {
    return this.#service.session?.playing ?? false;
  }

  /** Address of the client. */
  get remote(): string {
    return `${plainAddress(this.#socket.remoteAddress)}:${this.#socket.remotePort ?? 0}`;
  }

  /** Reads and sends nothing until {@link thaw} for the same reason; the socket stays open. */
  freeze(reason: ConnectionFreeze): void {
    this.#frozenBy.add(reason);
    this.#socket.pause();
    this.#service.session?.freeze('connection');
  }

  thaw(reason: ConnectionFreeze): void {
    if (!this.#frozenBy.delete(reason) || this.#frozenBy.size > 0) return;
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    this.#service.session?.thaw('connection');
    this.#socket.resume();
  }

  /** The active faults have changed. */
  onFaultsChanged(): void {
    const { options, faults } = this.#host;
    this.#flapTimer?.cancel();
    const flap = faults.get('flap');
    if (flap) {
      const dueMs = Math.max(this.#connectedMs, flap.sinceMs) + flap.value;
      this.#flapTimer = options.clock.after(Math.max(0, dueMs - options.clock.nowMs()), () => this.close());
    }
    this.#service.session?.onFaultsChanged();
  }

  /** In lock-step: see `MediaSession.step`. */
  step(): SentUnit | undefined {
    return this.#service.session?.step();
  }

  /** Destroys the socket and ends the session. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#silenceTimer?.cancel();
    this.#flapTimer?.cancel();
    this.#service.close();
    this.#socket.destroy();
    this.#host.onClosed(this);
  }

  #watchSilence(): void {
    const { clock, sessionTimeoutS } = this.#host.options;
    const limitMs = sessionTimeoutS * 1000 + TIMEOUT_GRACE_MS;
    const leftMs = this.#frozenBy.size > 0 ? limitMs : this.#lastHeardMs + limitMs - clock.nowMs();
    if (leftMs <= 0) this.close();
    else this.#silenceTimer = clock.after(leftMs, () => this.#watchSilence());
  }

  #onData(chunk: Buffer): void {
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    try {
      for (const input of this.#parser.push(chunk)) {
        if (input.kind === 'interleaved') this.#onRtcp(input.payload);
        else this.#waiting.push(input);
      }
      this.#answerWaiting();
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      // Malformed or too large: framing is lost. Answer once and close.
      this.#reply({ status: 400 }, undefined);
      this.#socket.destroySoon();
    }
  }

  #onRtcp(packet: Buffer): void {
    this.#lastHeardMs = this.#host.options.clock.nowMs();
    this.#host.onReceiverReports(countReceiverReports(packet));
  }

  // In order: requests behind a SETUP that is still opening ports wait for it.
  #answerWaiting(): void {
    while (!this.#busy && !this.#closed) {
      const request = this.#waiting.shift();
      if (!request) return;
      this.#onRequest(request);
    }
    if (this.#waiting.length > MAX_WAITING_REQUESTS) this.close();
  }

  #onRequest(request: RtspRequest): void {
    this.#host.onRequest(request);
    if (this.#host.faults.get('silent')) return;
    const answer = this.#service.answer(request);
    if (!(answer instanceof Promise)) {
      this.#finish(request, answer);
      return;
    }
    this.#busy = true;
    const finish = (reply: RtspReply): void => {
      this.#busy = false;
      if (this.#closed) return;
      this.#finish(request, reply);
      this.#answerWaiting();
    };
    answer.then(finish, () => finish({ status: 500 }));
  }

  #finish(request: RtspRequest, reply: RtspReply): void {
    const begins = request.method === 'PLAY' && reply.status === 200;
    const { quirks } = this.#host.options;
    // Media follows its PLAY reply, except with the quirk of some cameras.
    if (begins && quirks.includes('rtp-before-play-reply')) this.#service.session?.begin();
    this.#reply(reply, request.headers.get('cseq'));
    if (begins) this.#service.session?.begin();
    if (request.method === 'TEARDOWN' && reply.status === 200 && !this.#service.session) this.#socket.end();
  }

  #reply(reply: RtspReply, cseq: string | undefined): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    const { quirks } = this.#host.options;
    const bytes = formatReply(applyQuirks(reply, quirks), cseq, quirks.includes('lower-case-headers'));
    this.#socket.write(bytes);
    this.#host.onReply(reply.status, bytes.byteLength);
    if (this.#socket.writableLength > this.#host.options.maxBacklogBytes + MAX_UNREAD_BYTES) this.close();
  }
}
