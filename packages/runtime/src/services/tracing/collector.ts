import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Clock, codeOf, messageOf } from '@vigia/base';

/** Where traces go. */
export interface CollectorAddress {
  /** May contain credentials: never logged. */
  readonly url: string;
  /** The values may be secret: never logged. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a collector did with a request. */
export type CollectorAnswer =
  | { readonly kind: 'accepted'; readonly rejectedSpans: number }
  | { readonly kind: 'failed'; readonly why: string };

/** Longest answer that is read, characters. */
const ANSWER_LIMIT = 16_384;

/** A place that takes OTLP over HTTP. Each request has a connection of its own. */
export class Collector {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;

  /** @param version The version of vigia. */
  constructor({ url, headers }: CollectorAddress, version: string, clock: Clock) {
    this.#url = new URL(url);
    this.#headers = { ...headers, 'content-type': 'application/json', 'user-agent': `vigia/${version}` };
    this.#clock = clock;
  }

  /** Scheme, host and port, for the log. Paths may contain secrets. */
  get place(): string {
    return `${this.#url.protocol}//${this.#url.host}`;
  }

  /** Posts JSON. Resolves within `limitMs` milliseconds, earlier when the signal is aborted. Never rejects. */
  async send(body: string, limitMs: number, signal: AbortSignal): Promise<CollectorAnswer> {
    try {
      return answerOf(await this.#post(body, limitMs, signal));
    } catch (error) {
      return { kind: 'failed', why: codeOf(error) ?? messageOf(error) };
    }
  }

  async #post(body: string, limitMs: number, signal: AbortSignal): Promise<Reply> {
    const asked = this.#request(body, signal);
    const late = new Error(`no answer in ${limitMs / 1000} s`);
    const timer = this.#clock.after(limitMs, () => asked.destroy(late));
    try {
      return await replyTo(asked, body);
    } catch (error) {
      // Destroyed with a reason while the answer comes, a request reports that the connection ended.
      throw asked.errored === late ? late : error;
    } finally {
      timer.cancel();
    }
  }

  #request(body: string, signal: AbortSignal): ClientRequest {
    const headers = { ...this.#headers, 'content-length': Buffer.byteLength(body) };
    const request = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
    return request(this.#url, { method: 'POST', headers, agent: false, signal });
  }
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

function replyTo(asked: ClientRequest, body: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (response) => readReply(response, resolve));
    asked.end(body);
  });
}

/** Reads up to the limit. The status counts also when the connection ends early. */
function readReply(response: IncomingMessage, resolve: (reply: Reply) => void): void {
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.length > ANSWER_LIMIT) response.destroy();
  });
  // A cut connection: what follows is 'close'.
  response.on('error', () => undefined);
  response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
}

function answerOf({ status, text }: Reply): CollectorAnswer {
  if (status < 200 || status > 299) return { kind: 'failed', why: `HTTP ${status}` };
  return { kind: 'accepted', rejectedSpans: rejectedSpansIn(text) };
}

/** Spans that the collector did not want. OTLP writes the number as a string. */
function rejectedSpansIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } };
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return rejected > 0 ? rejected : 0;
  } catch {
    // Many collectors answer with an empty body.
    return 0;
  }
}
