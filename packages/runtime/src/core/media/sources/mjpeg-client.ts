import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { every, messageOf, quoted, type Timer } from '@vigia/base';
import { DEFAULT_TIMEOUTS, type Source, SourceError, type SourceOptions, type SourceTimeouts } from '#core/media';
import { Authorization, connectError, decodeLogin, MAX_AUTH_TRIES, readCertificate } from '#core/media/rtsp';
import { MultipartSplitter } from './multipart-splitter.ts';

const WATCH_MS = 500;

/**
 * Plays a camera's MJPEG stream over HTTP. Its pictures have no time stamps, so time spent in a socket cannot be
 * detected.
 */
export class MjpegClient implements Source {
  readonly lostPackets = 0;
  readonly #o: SourceOptions;
  readonly #timeouts: SourceTimeouts;
  readonly #target: URL;
  /** For error messages: without credentials and query. */
  readonly #name: string;
  readonly #authorization: Authorization | undefined;
  #request: ClientRequest | undefined;
  #watch: Timer | undefined;
  #closed = false;
  #startedMs = 0;
  #lastMs = 0;
  #units = 0;
  #suspected = false;

  private constructor(options: SourceOptions) {
    this.#o = options;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#target = parse(options.url);
    const { username, password, origin, pathname } = this.#target;
    this.#name = `${origin}${pathname}`;
    this.#authorization =
      username === '' ? undefined : new Authorization({ user: decodeLogin(username), password: decodeLogin(password) });
  }

  /** Connects and plays. @throws SourceError with the reason; the signal's reason when aborted. */
  static async open(options: SourceOptions, signal: AbortSignal): Promise<MjpegClient> {
    signal.throwIfAborted();
    const client = new MjpegClient(options);
    const onAbort = (): void => client.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await client.#play();
      signal.throwIfAborted();
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.cancel();
    this.#request?.destroy();
  }

  async #play(): Promise<void> {
    const response = await this.#ask();
    const type = response.headers['content-type'] ?? '';
    const boundary = /^multipart\/.*boundary\s*=\s*"?([^";]+)"?/i.exec(type)?.[1];
    if (boundary === undefined) {
      const text = type.startsWith('image/') ? 'a single picture' : `"${quoted(type, 60)}"`;
      throw new SourceError('no_video', `${this.#name}: answered with ${text}; a multipart stream of JPEG is needed`);
    }
    const { clock } = this.#o;
    this.#startedMs = clock.nowMs();
    this.#lastMs = this.#startedMs;
    this.#o.onFormat({
      kind: this.#target.protocol.slice(0, -1),
      transport: '',
      codec: 'mjpeg',
      extradata: undefined,
      raw: undefined,
      audio: undefined,
      live: false,
    });
    const splitter = new MultipartSplitter(boundary, (body, readMs) => this.#onPart(body, readMs));
    response.on('data', (chunk: Buffer) => {
      try {
        if (!this.#closed) splitter.push(chunk, clock.nowMs());
        if (!this.#closed) this.#o.onReadEnd?.();
      } catch (error) {
        this.#end(
          error instanceof SourceError ? error : new SourceError('corrupt', messageOf(error), { cause: error }),
        );
      }
    });
    response.on('close', () => this.#end(new SourceError('ended', `${this.#name}: the camera closed the stream`)));
    response.on('error', (error) => this.#end(connectError(this.#name, error)));
    this.#watch = every(clock, WATCH_MS, () => this.#check(clock.nowMs()));
  }

  /** Sends the request, and answers challenges, a few at most. */
  async #ask(): Promise<IncomingMessage> {
    for (let tries = 1; ; tries += 1) {
      const response = await this.#get();
      const { statusCode = 0 } = response;
      if (statusCode === 200) return response;
      response.resume();
      this.#request?.destroy();
      // `headers` would join several challenges into one string.
      const challenges = response.headersDistinct['www-authenticate'] ?? [];
      const mayAnswer = statusCode === 401 && tries < MAX_AUTH_TRIES && this.#authorization?.challenge(challenges);
      if (!mayAnswer) throw this.#refusal(statusCode);
    }
  }

  #get(): Promise<IncomingMessage> {
    const { clock, tls } = this.#o;
    const ca = tls?.ca === undefined ? {} : { ca: readCertificate(tls.ca) };
    const { protocol, hostname, port, pathname, search } = this.#target;
    const path = `${pathname}${search}`;
    const authorization = this.#authorization?.header('GET', path);
    const request = protocol === 'https:' ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const waitMs = this.#timeouts.connectMs + this.#timeouts.responseMs;
      const timer = clock.after(waitMs, () => {
        reject(new SourceError('timeout', `${this.#name}: no answer within ${waitMs} ms`));
        this.#request?.destroy();
      });
      this.#request = request({
        host: hostname.replace(/^\[|\]$/g, ''),
        ...(port === '' ? {} : { port }),
        path,
        agent: false,
        headers: { 'User-Agent': 'vigia', ...(authorization === undefined ? {} : { Authorization: authorization }) },
        ...(tls ? { rejectUnauthorized: tls.verify } : {}),
        ...ca,
      });
      this.#request.once('response', (response) => {
        timer.cancel();
        resolve(response);
      });
      this.#request.on('error', (error) => {
        timer.cancel();
        reject(connectError(this.#name, error));
      });
      this.#request.once('close', () => {
        timer.cancel();
        reject(new SourceError('ended', `${this.#name}: closed`));
      });
      this.#request.end();
    });
  }

  #refusal(status: number): SourceError {
    if (status === 401 || status === 403) {
      const text = this.#authorization
        ? 'the camera refuses this user name or password'
        : 'the camera asks for a user name and a password';
      return new SourceError('unauthorized', `${this.#name}: ${text} (${status})`);
    }
    if (status === 404) return new SourceError('not_found', `${this.#name}: the camera has no such stream (404)`);
    if (status === 503) return new SourceError('refused', `${this.#name}: the camera takes no further viewer (503)`);
    return new SourceError('corrupt', `${this.#name}: answered with status ${status}`);
  }

  /** Hot path: once per picture. */
  #onPart(body: Buffer, arrivedMs: number): void {
    this.#units += 1;
    this.#lastMs = arrivedMs;
    this.#o.onUnit({ data: body, ptsMs: arrivedMs - this.#startedMs, arrivedMs, keyframe: true, damaged: false });
  }

  #check(now: number): void {
    const { firstUnitMs, silenceMs } = this.#timeouts;
    const limitMs = this.#units === 0 ? firstUnitMs : silenceMs;
    const late = now - this.#lastMs > limitMs;
    if (late && this.#suspected) {
      const reason = this.#units === 0 ? 'timeout' : 'stalled';
      this.#end(new SourceError(reason, `${this.#name}: no picture came for ${limitMs} ms`));
    }
    this.#suspected = late;
  }

  #end(reason: SourceError): void {
    if (this.#closed) return;
    this.close();
    this.#o.onEnd(reason);
  }
}

function parse(url: string): URL {
  try {
    return new URL(url);
  } catch {
    // The message of Node's error would repeat the address.
    throw new SourceError('not_found', 'the source is no address like http://[user:password@]host[:port]/path');
  }
}
