import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Clock, codeOf, messageOf } from '@vigia/base';

/** Where JSON is posted to. */
export interface PostAddress {
  /** May contain credentials: never logged. */
  readonly url: string;
  /** The values may be secret: never logged. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer of the other side, or why there is none. */
export type PostAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string; readonly retryAfterS: number }
  | { readonly kind: 'failed'; readonly why: string };

/** Longest answer that is read, characters. */
const ANSWER_LIMIT = 16_384;
/** Longest `Retry-After` that is believed, seconds. */
const RETRY_LIMIT_S = 3_600;

/** Posts JSON to one address. Each request has a connection of its own. Follows no redirect. */
export class HttpPoster {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;

  /** @param version The version of vigia. */
  constructor({ url, headers }: PostAddress, version: string, clock: Clock) {
    this.#url = new URL(url);
    this.#headers = { ...headers, 'content-type': 'application/json', 'user-agent': `vigia/${version}` };
    this.#clock = clock;
  }

  /** Scheme, host and port, for the log. Paths may contain secrets. */
  get place(): string {
    return `${this.#url.protocol}//${this.#url.host}`;
  }

  /**
   * Posts JSON. Resolves within `limitMs` milliseconds, earlier when the signal is aborted. Never rejects.
   *
   * @param more Further headers.
   */
  async post(
    body: string,
    limitMs: number,
    signal: AbortSignal,
    more: Readonly<Record<string, string>> = {},
  ): Promise<PostAnswer> {
    const late = new Error(`no answer in ${limitMs / 1000} s`);
    const asked = this.#request(body, signal, more);
    const timer = this.#clock.after(limitMs, () => asked.destroy(late));
    try {
      return await replyTo(asked, body);
    } catch (error) {
      // Destroyed with a reason while the answer comes, a request reports that the connection ended.
      const reason = asked.errored === late ? late : error;
      return { kind: 'failed', why: codeOf(reason) ?? messageOf(reason) };
    } finally {
      timer.cancel();
    }
  }

  #request(body: string, signal: AbortSignal, more: Readonly<Record<string, string>>): ClientRequest {
    const headers = { ...this.#headers, ...more, 'content-length': Buffer.byteLength(body) };
    const request = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
    return request(this.#url, { method: 'POST', headers, agent: false, signal });
  }
}

function replyTo(asked: ClientRequest, body: string): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (response) => readReply(response, resolve));
    asked.end(body);
  });
}

/** Reads up to the limit. The status counts also when the connection ends early. */
function readReply(response: IncomingMessage, resolve: (reply: PostAnswer) => void): void {
  const { statusCode: status = 0, headers } = response;
  const retryAfterS = Math.min(RETRY_LIMIT_S, Math.max(0, Number(headers['retry-after']) || 0));
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.length > ANSWER_LIMIT) response.destroy();
  });
  // A cut connection: what follows is 'close'.
  response.on('error', () => undefined);
  response.on('close', () => resolve({ kind: 'answered', status, text, retryAfterS }));
}
