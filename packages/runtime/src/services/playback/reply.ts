import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, VigiaError } from '@vigia/base';
import { type ByteRange, parseRange, rangeStillHolds } from './byte-range.ts';
import type { Sink } from './clip-stream.ts';

/** A caller that takes nothing for so long is cut off. Milliseconds. */
const STALLED_MS = 30_000;

/** A body whose length is known before its first byte. */
export interface Body {
  readonly type: string;
  readonly bytes: number;
  /** Strong, without quotes. */
  readonly tag: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly send: (range: { readonly from: number; readonly to: number }, sink: Sink) => Promise<void>;
}

/** The answer to one request. */
export class Reply {
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #clock: Clock;

  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock) {
    this.#request = request;
    this.#response = response;
    this.#clock = clock;
    const gone = new AbortController();
    this.signal = gone.signal;
    response.once('close', () => gone.abort(new VigiaError('gone', 'the caller is gone')));
  }

  /** Whether the answer's first bytes are sent: an error can only cut it off from now on. */
  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Sends a short body. */
  short(status: number, type: string, body: Buffer | string, headers: Readonly<Record<string, string>> = {}): void {
    const bytes = Buffer.from(body);
    this.#response.writeHead(status, {
      ...COMMON,
      'Content-Type': type,
      'Content-Length': bytes.byteLength,
      ...headers,
    });
    this.#response.end(this.#request.method === 'HEAD' ? undefined : bytes);
  }

  json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void {
    this.short(status, 'application/json; charset=utf-8', `${JSON.stringify(body)}\n`, headers);
  }

  /** Sends a body, or the range of it that is asked for, as fast as the caller takes it. */
  async body(body: Body): Promise<void> {
    const range = this.#rangeOf(body);
    if (range === 'unsatisfiable') throw unsatisfiable(body.bytes);
    const { from, to } = range === 'all' ? { from: 0, to: body.bytes } : range;
    this.#response.writeHead(range === 'all' ? 200 : 206, {
      ...COMMON,
      'Content-Type': body.type,
      'Content-Length': to - from,
      'Accept-Ranges': 'bytes',
      ETag: `"${body.tag}"`,
      ...(range === 'all' ? {} : { 'Content-Range': `bytes ${from}-${to - 1}/${body.bytes}` }),
      ...body.headers,
    });
    if (this.#request.method !== 'HEAD') await body.send({ from, to }, this.#sink);
    this.#response.end();
  }

  /** Sends a body whose length nobody knows, as fast as the caller takes it. */
  async stream(
    type: string,
    send: (sink: Sink) => Promise<void>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    this.#response.writeHead(200, { ...COMMON, 'Content-Type': type, ...headers });
    if (this.#request.method !== 'HEAD') await send(this.#sink);
    this.#response.end();
  }

  /** The caller must notice that something is missing. */
  cut(): void {
    this.#response.destroy();
  }

  #rangeOf({ bytes, tag }: Body): ByteRange {
    const { range, 'if-range': ifRange } = this.#request.headers;
    const holds = rangeStillHolds(typeof ifRange === 'string' ? ifRange : undefined, `"${tag}"`);
    return holds ? parseRange(range, bytes) : 'all';
  }

  readonly #sink: Sink = async (bytes) => {
    this.signal.throwIfAborted();
    if (!this.#response.write(bytes)) await this.#drained();
  };

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve, reject) => {
      const end = (error?: unknown): void => {
        timer.cancel();
        response.off('drain', end);
        this.signal.removeEventListener('abort', onGone);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onGone = (): void => end(this.signal.reason);
      const timer = this.#clock.after(STALLED_MS, () => end(new VigiaError('gone', 'the caller takes nothing')), {
        unref: true,
      });
      response.once('drain', end);
      this.signal.addEventListener('abort', onGone, { once: true });
    });
  }
}

const COMMON = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

function unsatisfiable(bytes: number): VigiaError {
  return new VigiaError('unsatisfiable', `range: the body has ${bytes} bytes`, { details: { bytes } });
}
