import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { addSecret, type Clock, codeOf, messageOf, quoted, redact, VigiaError } from '@vigia/base';
import type { RemoteSettings } from '#manifest';
import type { BinaryMessage } from './tensor-codec.ts';

/** Options of {@link KserveClient}. */
export interface KserveClientOptions {
  readonly remote: RemoteSettings;
  readonly clock: Clock;
  /** Time limit of one exchange, from the first byte sent to the last one received. */
  readonly timeoutMs: number;
  /** Sent as `Authorization: Bearer …`. Never logged. Default: `$VIGIA_REMOTE_TOKEN`. */
  readonly token?: string | undefined;
}

interface Answer extends BinaryMessage {
  readonly status: number;
}

/** Largest answer: fits the largest output of a sensible model, a mask per pixel of 4096². */
const ANSWER_LIMIT_BYTES = 128 * 1024 * 1024;
/** One exchange at a time, and a second connection when the server closes the first one. */
const CONNECTIONS = 2;
/** Temporary: the same request may succeed later. */
const BUSY = new Set([429, 502, 503, 504]);
/** Not permitted. */
const REFUSED = new Set([401, 403]);
/** How much of a server's error message is shown. */
const REASON_LENGTH = 200;
/** Header of the binary tensor extension. */
const JSON_BYTES_HEADER = 'inference-header-content-length';

/**
 * HTTP client for one model of a server, with keep-alive. Errors are VigiaErrors of the container protocol:
 * `overloaded` when the server is unreachable, not ready or closes the connection, `deadline_exceeded`,
 * `inference_failed` for any unexpected answer. The creator closes it.
 */
export class KserveClient {
  readonly #options: KserveClientOptions;
  readonly #secure: boolean;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #path: string;
  readonly #authorization: { readonly authorization?: string };

  constructor(options: KserveClientOptions) {
    this.#options = options;
    const { url, model, version } = options.remote;
    this.#secure = url.startsWith('https:');
    const settings = { keepAlive: true, maxSockets: CONNECTIONS };
    this.#agent = this.#secure ? new HttpsAgent(settings) : new HttpAgent(settings);
    this.#path = `/v2/models/${model}${version === undefined ? '' : `/versions/${version}`}`;
    this.#authorization = authorizationOf(options.token ?? process.env['VIGIA_REMOTE_TOKEN']);
  }

  /**
   * The server's metadata of the model. @throws VigiaError, see the class; `model_load` when the server does not have
   * it.
   */
  async metadata(): Promise<unknown> {
    const { status, body } = await this.#exchange('GET', this.#path);
    if (status === 404) throw new VigiaError('model_load', `${this.#where} is not there: the server has no such model`);
    this.#checkStatus(status, body);
    try {
      return JSON.parse(body.toString('utf8')) as unknown;
    } catch (error) {
      throw new VigiaError('inference_failed', `${this.#where}: what it says of itself is no JSON`, { cause: error });
    }
  }

  /** @throws VigiaError `overloaded` when server or model is not ready, and see the class. */
  async checkReady(): Promise<void> {
    for (const path of ['/v2/health/ready', `${this.#path}/ready`]) {
      const { status, body } = await this.#exchange('GET', path);
      if (REFUSED.has(status)) this.#checkStatus(status, body);
      // A server without this model answers 404 or 400; its metadata request reports the reason better.
      if (status >= 200 && status < 300) continue;
      if (path === '/v2/health/ready' || BUSY.has(status))
        throw new VigiaError('overloaded', `${this.#where} is not ready (HTTP ${status})`);
    }
  }

  /** One inference. @throws VigiaError, see the class. */
  async infer(json: Buffer, data: Uint8Array): Promise<BinaryMessage> {
    const headers = {
      'content-type': 'application/octet-stream',
      [JSON_BYTES_HEADER]: String(json.byteLength),
      'content-length': String(json.byteLength + data.byteLength),
    };
    const answer = await this.#exchange('POST', `${this.#path}/infer`, headers, [json, data]);
    this.#checkStatus(answer.status, answer.body);
    return answer;
  }

  /** Closes its connections. Idempotent. */
  close(): void {
    this.#agent.destroy();
  }

  get #where(): string {
    const { url, model } = this.#options.remote;
    return `model ${model} on ${url}`;
  }

  #checkStatus(status: number, body: Buffer): void {
    if (status === 200) return;
    const hint = REFUSED.has(status) ? '; it wants the right token in VIGIA_REMOTE_TOKEN' : '';
    const text = `${this.#where}: HTTP ${status}${reasonIn(body)}${hint}`;
    throw new VigiaError(BUSY.has(status) ? 'overloaded' : 'inference_failed', text);
  }

  async #exchange(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body: readonly Uint8Array[] = [],
  ): Promise<Answer> {
    const { clock, timeoutMs } = this.#options;
    const untilMs = clock.nowMs() + timeoutMs;
    const attempt = (): Promise<Answer | 'stale'> => this.#attempt(method, path, headers, body, untilMs);
    const first = await attempt();
    // The server may close an idle connection at any time, also just when it is reused: retry once on a new one, in the
    // remaining time.
    const settled = first === 'stale' ? await attempt() : first;
    if (settled !== 'stale') return settled;
    throw this.#lost(undefined);
  }

  #attempt(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: readonly Uint8Array[],
    untilMs: number,
  ): Promise<Answer | 'stale'> {
    const { remote, clock, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      let late: VigiaError | undefined;
      const options = { method, agent: this.#agent, headers: { ...headers, ...this.#authorization } };
      const request: ClientRequest = (this.#secure ? httpsRequest : httpRequest)(new URL(path, remote.url), options);
      const timer = clock.after(Math.max(0, untilMs - clock.nowMs()), () => {
        late = new VigiaError('deadline_exceeded', `${this.#where} did not answer within ${Math.round(timeoutMs)} ms`);
        request.destroy(late);
      });
      const settle = (act: () => void): void => {
        timer.cancel();
        act();
      };
      request.on('error', (error) =>
        settle(() => {
          const reset = ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '');
          if (!late && reset && request.reusedSocket) resolve('stale');
          else reject(late ?? this.#lost(error));
        }),
      );
      request.on('response', (response) => {
        this.#read(response).then(
          (answer) => settle(() => resolve(answer)),
          (error: unknown) =>
            settle(() => {
              request.destroy();
              reject(late ?? (error instanceof VigiaError ? error : this.#lost(error)));
            }),
        );
      });
      for (const piece of body) request.write(piece);
      request.end();
    });
  }

  async #read(response: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > ANSWER_LIMIT_BYTES)
        throw new VigiaError('inference_failed', `${this.#where} answers more than ${ANSWER_LIMIT_BYTES} bytes`);
      chunks.push(chunk);
    }
    const text = response.headers[JSON_BYTES_HEADER];
    const jsonBytes = typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
    if (text !== undefined && jsonBytes === undefined)
      throw new VigiaError('inference_failed', `${this.#where} sends a header ${JSON_BYTES_HEADER} that is no number`);
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks), jsonBytes };
  }

  #lost(error: unknown): VigiaError<'overloaded'> {
    const why = error === undefined ? 'it closes every connection' : reasonOf(error);
    return new VigiaError('overloaded', `${this.#where} cannot be reached: ${redact(why)}`, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it closed the connection in the middle',
};

function reasonOf(error: unknown): string {
  return REASONS[codeOf(error) ?? ''] ?? messageOf(error);
}

/** The server's message, on one line. A server that echoes the token must not get it into a log. */
function reasonIn(body: Buffer): string {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { readonly error?: unknown };
    if (typeof error === 'string') return `: ${quoted(error.replaceAll(/\s+/g, ' '), REASON_LENGTH)}`;
  } catch {
    // Not JSON: an error page of a proxy. The status is enough.
  }
  return '';
}

function authorizationOf(token: string | undefined): { readonly authorization?: string } {
  if (!token) return {};
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new VigiaError('model_load', 'VIGIA_REMOTE_TOKEN holds characters that no bearer token has');
  addSecret(token);
  return { authorization: `Bearer ${token}` };
}
