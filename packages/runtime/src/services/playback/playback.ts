import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, codeOf, type Log, messageOf, UsageError, VigiaError } from '@vigia/base';
import type { FootageView } from '#core/footage';
import { PREVIEW_TASK_LIMIT } from '#core/footage-link';
import { type Asked, readTarget } from './asked.ts';
import { Places } from './places.ts';
import { refusalOf } from './refusal.ts';
import type { ExportSource } from './exported-clip.ts';
import { Reply } from './reply.ts';
import { type Preview, Routes } from './routes.ts';

/** Requests that are answered at the same time. */
const REQUESTS = 64;
/** Open connections. */
const CONNECTIONS = 256;
/** Longest head of a request, bytes. */
const HEAD_BYTES = 8192;
/** A request's head must be complete after so long, and an idle connection is closed. Milliseconds. */
const HEAD_MS = 10_000;
const IDLE_MS = 30_000;

/** Options of {@link Playback}. */
export interface PlaybackOptions {
  readonly view: FootageView;
  /** Where to listen: a Unix socket. What lies there is removed. */
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly preview?: Preview | undefined;
  readonly exports?: ExportSource | undefined;
}

/** Serves clips, playlists, pictures and thumbnails of recordings over HTTP, on a Unix socket that only this user can reach. */
export class Playback {
  readonly #o: PlaybackOptions;
  readonly #routes: Routes;
  readonly #requests = new Places(REQUESTS, 'requests are answered');
  readonly #server: Server;
  readonly #answers = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  private constructor(options: PlaybackOptions) {
    this.#o = options;
    this.#routes = new Routes(options);
    this.#server = createServer(
      { maxHeaderSize: HEAD_BYTES, headersTimeout: HEAD_MS, requestTimeout: HEAD_MS, keepAliveTimeout: IDLE_MS },
      (request, response) => this.#follow(this.#answer(request, response)),
    );
    this.#server.maxConnections = CONNECTIONS;
  }

  /** Listens. @throws VigiaError `cannot_listen` */
  static async open(options: PlaybackOptions): Promise<Playback> {
    const playback = new Playback(options);
    await playback.#listen();
    return playback;
  }

  /** Cuts open answers off and removes the socket. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    await Promise.all(this.#answers);
    rmSync(this.#o.socketPath, { force: true });
  }

  #listen(): Promise<void> {
    const { socketPath: path } = this.#o;
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const why = codeOf(cause) ?? messageOf(cause);
        reject(new VigiaError('cannot_listen', `playback: ${path} cannot be used (${why})`, { cause }));
      });
      this.#server.listen(path, () => {
        // The directory protects the socket. So does this, in case another user created the directory.
        chmodSync(path, 0o600);
        this.#server.on('error', (error) => this.#o.log.warn(`playback: ${messageOf(error)}`));
        resolve();
      });
    });
  }

  /** Closing waits for what is still at work on an answer. */
  #follow(answer: Promise<void>): void {
    this.#answers.add(answer);
    void answer.finally(() => this.#answers.delete(answer));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const reply = new Reply(request, response, this.#o.clock);
    try {
      await this.#requests.with(async () => this.#routes.answer(await this.#asked(request), reply));
    } catch (error) {
      this.#refuse(reply, request, error);
    }
  }

  /** @throws VigiaError `not_allowed`, `not_found`; UsageError */
  async #asked(request: IncomingMessage): Promise<Asked> {
    const { method, url } = request;
    if (method === 'POST') return { ...readTarget(url ?? ''), body: await jsonOf(request) };
    request.resume();
    if (method !== 'GET' && method !== 'HEAD')
      throw new VigiaError('not_allowed', 'only GET and HEAD are answered, and POST for a preview');
    return readTarget(url ?? '');
  }

  #refuse(reply: Reply, { url }: IncomingMessage, error: unknown): void {
    const { status, body } = refusalOf(error);
    if (status === 500) this.#o.log.error(`playback: ${messageOf(error)}`);
    if (reply.signal.aborted) return;
    if (reply.hasBegun) {
      this.#o.log.warn(`playback: ${(url ?? '').slice(0, 200)} ended early: ${messageOf(error)}`);
      reply.cut();
      return;
    }
    reply.json(status, body, refusalHeaders(error));
  }
}

function refusalHeaders(error: unknown): Record<string, string> {
  if (!(error instanceof VigiaError)) return {};
  const allow = error.details?.['allow'];
  if (error.code === 'not_allowed') return { Allow: typeof allow === 'string' ? allow : 'GET, HEAD' };
  if (error.code === 'busy') return { 'Retry-After': '2' };
  const bytes = error.details?.['bytes'];
  return error.code === 'unsatisfiable' ? { 'Content-Range': `bytes */${String(bytes)}` } : {};
}

/** @throws UsageError for a body that is too long or no JSON; the stream's error. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // To its end, so that who sends it gets the refusal. The server ends a request that takes too long.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes <= PREVIEW_TASK_LIMIT) chunks.push(chunk);
  }
  if (bytes > PREVIEW_TASK_LIMIT) throw new UsageError(`the body: at most ${PREVIEW_TASK_LIMIT} bytes are allowed`);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new UsageError('the body: JSON is expected');
  }
}
