import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, messageOf, quoted, type Timer } from '@vigia/base';
import { SourceError, type TlsOptions } from '#core/media';
import { Authorization, MAX_AUTH_TRIES } from './authorization.ts';
import { connectError, readCertificate } from './connect-error.ts';
import { type RtspMessage, RtspStreamParser } from './rtsp-stream-parser.ts';
import type { RtspUrl } from './rtsp-url.ts';

/** Options of {@link RtspConnection}. */
export interface RtspConnectionOptions {
  readonly address: RtspUrl;
  readonly clock: Clock;
  /** For `rtsps://`. */
  readonly tls: TlsOptions;
  /** Timeouts, milliseconds. */
  readonly connectMs: number;
  readonly responseMs: number;
  /** An interleaved packet, borrowed until the call returns. `readMs`: when its bytes were read, monotonic. */
  readonly onInterleaved: (channel: number, packet: Buffer, readMs: number) => void;
  /** All messages and packets of one read have been delivered. */
  readonly onReadEnd: () => void;
  /** The connection failed. Called once, after pending requests were rejected, and not after `close`. */
  readonly onFailed: (reason: SourceError) => void;
}

interface Pending {
  readonly resolve: (message: RtspMessage) => void;
  readonly reject: (error: SourceError) => void;
  readonly timer: Timer;
  readonly sentMs: number;
}

/** A request that nobody waits for. */
interface Posted {
  readonly method: string;
  readonly url: string;
  readonly onAnswer: (status: number) => void;
  /** How often it was sent. */
  readonly tries: number;
}

/** How often a keep-alive request is sent when the camera asks for a new nonce or names another session. */
const POST_TRIES = 3;
/** Keep-alive requests whose answers are expected. Many cameras never answer them. */
const POSTED_LIMIT = 8;
/** The most bytes that may wait until the camera reads them. */
const UNREAD_LIMIT = 64 * 1024;
/** How long a closing connection may take to send its TEARDOWN. */
const TEARDOWN_MS = 300;
/** At most so much is read at once, bytes: as much as Node reads by itself. */
const READ_BYTES = 64 * 1024;

/**
 * One RTSP connection: requests and answers with authentication, and interleaved packets in both directions (RFC 2326).
 * Knows no tracks. Owns the socket.
 */
export class RtspConnection {
  readonly #o: RtspConnectionOptions;
  readonly #parser: RtspStreamParser;
  readonly #authorization: Authorization | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #posted = new Map<number, Posted>();
  #socket: Socket | undefined;
  #cseq = 0;
  #readMs = 0;
  #roundTripMs: number | undefined;
  #closed = false;
  #failure: SourceError | undefined;
  /** The session id from the answer to SETUP, or a later one (see `#heardSession`). */
  session: string | undefined;
  /** Another session id, which the last answer named. */
  #toldSession: string | undefined;
  /** The target of TEARDOWN: the aggregate control URL after DESCRIBE, the request's URL before. */
  teardownUrl: string;

  constructor(options: RtspConnectionOptions) {
    this.#o = options;
    this.teardownUrl = options.address.url;
    this.#authorization = options.address.credentials && new Authorization(options.address.credentials);
    this.#parser = new RtspStreamParser({
      onInterleaved: (channel, packet) => {
        if (!this.#closed) options.onInterleaved(channel, packet, this.#readMs);
      },
      onMessage: (message) => this.#onMessage(message),
    });
  }

  /** For error messages. */
  get #name(): string {
    return this.#o.address.name;
  }

  /** The camera's IP address; empty before the connection is open. */
  get peer(): string {
    return this.#socket?.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  }

  /** The shortest time in which a request was answered, milliseconds; undefined before the first answer. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Why the connection failed; undefined while it has not. */
  get failure(): SourceError | undefined {
    return this.#failure;
  }

  /** Connects. @throws SourceError `dns`, `refused`, `timeout` or `ended`. */
  connect(): Promise<void> {
    const { address, clock, connectMs } = this.#o;
    return new Promise((resolve, reject) => {
      // A CA file that cannot be read rejects the promise, too.
      const socket = this.#open();
      this.#socket = socket;
      const timer = clock.after(connectMs, () => {
        this.fail(new SourceError('timeout', `${address.name}: no connection within ${connectMs} ms`));
      });
      socket.once(address.secure ? 'secureConnect' : 'connect', () => {
        timer.cancel();
        resolve();
      });
      if (address.secure) socket.on('data', (chunk: Buffer) => this.#onData(chunk));
      socket.on('error', (error) => this.fail(connectError(address.name, error)));
      socket.on('close', () => {
        timer.cancel();
        this.fail(new SourceError('ended', `${address.name}: the camera closed the connection`));
        reject(this.#failure ?? this.#closedError());
      });
    });
  }

  /**
   * Sends a request and waits for its answer. Answers challenges, a few at most.
   *
   * @throws SourceError `unauthorized`, `not_found`, `corrupt` for another refusal, `timeout`, or why the connection
   *   failed.
   */
  async request(method: string, url: string, headers: Record<string, string> = {}): Promise<RtspMessage> {
    for (let tries = 1; ; tries += 1) {
      const message = await this.#roundTrip(method, url, headers);
      if (isGranted(message)) {
        this.#onGranted(message);
        return message;
      }
      const mayAnswer =
        message.status === 401 && tries < MAX_AUTH_TRIES && this.#authorization?.challenge(message.challenges);
      if (!mayAnswer) throw this.#statusError(method, message);
    }
  }

  /**
   * Sends a keep-alive request without waiting for its answer, and again with a new nonce or session where the camera
   * wants that.
   *
   * @param onAnswer Gets the status of the last answer. Many cameras send none while they play.
   */
  post(method: string, url: string, onAnswer: (status: number) => void): void {
    this.#post({ method, url, onAnswer, tries: 1 });
  }

  #post(posted: Posted): void {
    const text = this.#format(posted.method, posted.url, {});
    this.#posted.set(this.#cseq, posted);
    for (const cseq of this.#posted.keys()) if (this.#posted.size > POSTED_LIMIT) this.#posted.delete(cseq);
    this.#write(text);
  }

  #onPosted(posted: Posted, message: RtspMessage): void {
    if (isGranted(message)) this.#onGranted(message);
    if (posted.tries < POST_TRIES && this.#mayRepeat(message)) this.#post({ ...posted, tries: posted.tries + 1 });
    else posted.onAnswer(message.status);
  }

  #mayRepeat({ status, challenges }: RtspMessage): boolean {
    if (status === 401) return this.#authorization?.renew(challenges) ?? false;
    return status === 454 && this.#followSession();
  }

  #onGranted(message: RtspMessage): void {
    this.#authorization?.accepted();
    this.#heardSession(message.headers.get('session')?.split(';')[0]?.trim());
  }

  /**
   * Some cameras change the session's id while they play. Two answers in a row must name the new one, or an answer must
   * say that the old one is gone: others make up a different id for each answer.
   */
  #heardSession(told: string | undefined): void {
    if (this.session === undefined || told === undefined || told === '') return;
    if (told === this.#toldSession) this.session = told;
    this.#toldSession = told === this.session ? undefined : told;
  }

  #followSession(): boolean {
    if (this.#toldSession === undefined) return false;
    this.session = this.#toldSession;
    this.#toldSession = undefined;
    return true;
  }

  /** Sends an interleaved packet: RTCP. */
  sendInterleaved(channel: number, packet: Buffer): void {
    const head = Buffer.from([0x24, channel, packet.byteLength >> 8, packet.byteLength & 0xff]);
    this.#write(Buffer.concat([head, packet]));
  }

  /** Ends the connection because of an error that the caller detected. */
  fail(reason: SourceError): void {
    if (this.#failure || this.#closed) return;
    this.#failure = reason;
    this.#rejectPending(reason);
    this.close();
    this.#o.onFailed(reason);
  }

  /** Runs a parser. An exception ends this connection, and nothing else. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const known = error instanceof SourceError;
      this.fail(known ? error : new SourceError('corrupt', `${this.#name}: ${messageOf(error)}`, { cause: error }));
    }
  }

  /** Closes the connection. Within a session, sends TEARDOWN without waiting for its answer. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rejectPending(this.#closedError());
    const socket = this.#socket;
    if (!socket || socket.destroyed) return;
    socket.removeAllListeners('data');
    if (this.session === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.write(this.#format('TEARDOWN', this.teardownUrl, {}));
    socket.end();
    const timer = this.#o.clock.after(TEARDOWN_MS, () => socket.destroy(), { unref: true });
    socket.once('close', () => timer.cancel());
    socket.resume();
  }

  #open(): Socket {
    const { address, tls } = this.#o;
    if (!address.secure) {
      const { host, port } = address;
      return connect({ host, port, noDelay: true, onread: this.#intoOneBuffer() });
    }
    const socket = connectTls({
      host: address.host,
      port: address.port,
      rejectUnauthorized: tls.verify,
      ...(tls.ca === undefined ? {} : { ca: readCertificate(tls.ca) }),
      ...(isIP(address.host) ? {} : { servername: address.host }),
    });
    socket.setNoDelay(true);
    return socket;
  }

  /** What is read is parsed and copied before the next read: one buffer does, and no stream is between. */
  #intoOneBuffer(): OnReadOpts {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const callback = (bytes: number): boolean => {
      this.#onData(buffer.subarray(0, bytes));
      return true;
    };
    return { buffer, callback };
  }

  #roundTrip(method: string, url: string, headers: Record<string, string>): Promise<RtspMessage> {
    return new Promise((resolve, reject) => {
      if (this.#closed || !this.#socket?.writable) {
        reject(this.#failure ?? this.#closedError());
        return;
      }
      const text = this.#format(method, url, headers);
      const { clock, responseMs } = this.#o;
      const timer = clock.after(responseMs, () => {
        this.fail(new SourceError('timeout', `${this.#name}: no answer to ${method} within ${responseMs} ms`));
      });
      this.#pending.set(this.#cseq, { resolve, reject, timer, sentMs: clock.nowMs() });
      this.#socket.write(text);
    });
  }

  /** Writes without waiting. Fails the connection when the camera reads nothing and the output piles up. */
  #write(data: string | Buffer): void {
    const socket = this.#socket;
    if (!socket?.writable) return;
    if (socket.writableLength > UNREAD_LIMIT)
      this.fail(new SourceError('corrupt', `${this.#name}: the camera reads nothing of what it asks for`));
    else socket.write(data);
  }

  #format(method: string, url: string, headers: Record<string, string>): string {
    this.#cseq += 1;
    const lines = [`${method} ${url} RTSP/1.0`, `CSeq: ${this.#cseq}`, 'User-Agent: vigia'];
    const authorization = this.#authorization?.header(method, url);
    if (authorization !== undefined) lines.push(`Authorization: ${authorization}`);
    if (this.session !== undefined) lines.push(`Session: ${this.session}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  #onData(chunk: Buffer): void {
    this.#readMs = this.#o.clock.nowMs();
    this.guard(() => {
      this.#parser.push(chunk);
      if (!this.#closed) this.#o.onReadEnd();
    });
  }

  #onMessage(message: RtspMessage): void {
    const cseq = Number(message.headers.get('cseq'));
    if (message.status === 0) {
      // A request from the camera (keep-alive, ANNOUNCE) needs an answer, but no action.
      this.#write(`RTSP/1.0 200 OK\r\nCSeq: ${(message.headers.get('cseq') ?? '0').slice(0, 20)}\r\n\r\n`);
      return;
    }
    const key = this.#askedOf(cseq);
    const posted = this.#posted.get(key);
    this.#posted.delete(key);
    if (posted) this.#onPosted(posted, message);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    if (pending) this.#settle(pending, message);
  }

  #settle({ timer, resolve, sentMs }: Pending, message: RtspMessage): void {
    timer.cancel();
    this.#roundTripMs = Math.min(this.#roundTripMs ?? Number.POSITIVE_INFINITY, this.#readMs - sentMs);
    resolve(message);
  }

  /** The number of the request that was answered. Some cameras omit it: with one open request it is unambiguous. */
  #askedOf(cseq: number): number {
    const known = this.#pending.has(cseq) || this.#posted.has(cseq);
    const [only = cseq, ...more] = this.#pending.size > 0 ? this.#pending.keys() : this.#posted.keys();
    return known || more.length > 0 ? cseq : only;
  }

  #statusError(method: string, message: RtspMessage): SourceError {
    const { status } = message;
    const { name: url } = this.#o.address;
    if (status === 401 || status === 403) {
      const text = this.#authorization
        ? 'the camera refuses this user name or password'
        : 'the camera asks for a user name and a password';
      return new SourceError('unauthorized', `${url}: ${text} (${status})`);
    }
    if (status === 404 || status === 454) {
      return new SourceError('not_found', `${url}: the camera has no such stream (${status})`);
    }
    const said = `${method} was answered "${quoted(message.startLine, 80)}"`;
    if (status === 461) return new SourceError('refused', `${url}: the camera does not send this way (${said})`);
    if (status === 453 || status === 503) {
      const text =
        'the camera takes no further viewer; it may still hold an earlier session of ours until that times out';
      return new SourceError('refused', `${url}: ${text} (${said})`);
    }
    return new SourceError('corrupt', `${url}: ${said}`);
  }

  #rejectPending(reason: SourceError): void {
    for (const pending of this.#pending.values()) {
      pending.timer.cancel();
      pending.reject(reason);
    }
    this.#pending.clear();
  }

  #closedError(): SourceError {
    return new SourceError('ended', `${this.#name}: closed`);
  }
}

function isGranted({ status }: RtspMessage): boolean {
  return status >= 200 && status < 300;
}
