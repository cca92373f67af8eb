import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, codeOf, LENGTH_BYTES, type Log, messageOf, UsageError, VigiaError } from '@vigia/base';
import {
  LIVE_ANSWER_HEADER,
  LIVE_MEMORY,
  type LiveCamera,
  type LiveCameras,
  RTP_ORIGIN_HEADER,
  SDP_LIMIT,
  VIEWERS,
} from '#core/live-link';
import { CameraUnits } from './camera-units.ts';
import { type MovieMessageKind, MovieView } from './movie-view.ts';
import { readCandidates } from './offer.ts';
import type { Peers } from './peer.ts';
import { View } from './view.ts';

/** Open connections: one per viewer, and those that are refused. */
const CONNECTIONS = 2 * VIEWERS;
const REQUEST_MS = 10_000;
/** A camera that nobody looks at any more is read for so long: somebody may come again. Milliseconds. */
const LINGER_MS = 5_000;
/** `/<camera>/<session>`; of a movie with `?stream=small`. */
const PLACE = /^\/([\w-]{1,64})\/([\w-]{22})(\?stream=small)?$/;

/** Options of {@link Live}. */
export interface LiveOptions {
  readonly socketPath: string;
  readonly cameras: LiveCameras;
  readonly peers: Pick<Peers, 'open'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A stream that somebody looks at. */
interface Watched {
  readonly units: CameraUnits;
  readonly socketPath: string;
  viewers: number;
  lingering: { cancel(): void } | undefined;
}

/**
 * Live video for viewers: answers offers over HTTP on a Unix socket that only this user can reach. A view lasts as long as the
 * request that opened it, and no longer.
 */
export class Live {
  readonly #o: LiveOptions;
  readonly #server: Server;
  readonly #views = new Map<string, View>();
  readonly #movies = new Set<MovieView>();
  /** By the socket from which they come. */
  readonly #watched = new Map<string, Watched>();
  #cameras: LiveCameras;
  /** Views that are being opened count. */
  #viewers = 0;

  private constructor(options: LiveOptions) {
    this.#o = options;
    this.#cameras = options.cameras;
    this.#server = createServer({ headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS }, (request, response) => {
      response.on('error', () => undefined);
      this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error));
    });
    this.#server.maxConnections = CONNECTIONS;
  }

  /** Listens. @throws VigiaError `cannot_listen` */
  static async open(options: LiveOptions): Promise<Live> {
    const live = new Live(options);
    await live.#listen();
    return live;
  }

  get viewers(): number {
    return this.#viewers;
  }

  /** Cuts off who looks at a camera that is not among these, or that another process holds now. */
  use(cameras: LiveCameras): void {
    this.#cameras = cameras;
    const streams = new Set(Object.values(cameras).flatMap(({ units, small }) => [units, small]));
    for (const watched of this.#watched.values()) if (!streams.has(watched.socketPath)) this.#forget(watched);
  }

  /** Ends all views. Idempotent. */
  async close(): Promise<void> {
    for (const view of [...this.#views.values(), ...this.#movies]) view.close();
    for (const watched of this.#watched.values()) this.#forget(watched);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    rmSync(this.#o.socketPath, { force: true });
  }

  #listen(): Promise<void> {
    const { socketPath: path, log } = this.#o;
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const why = codeOf(cause) ?? messageOf(cause);
        reject(new VigiaError('cannot_listen', `live video: ${path} cannot be used (${why})`, { cause }));
      });
      this.#server.listen(path, () => {
        // The directory protects the socket. So does this, in case another user created the directory.
        chmodSync(path, 0o600);
        this.#server.on('error', (error) => log.warn(`live video: ${messageOf(error)}`));
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, camera = '', session = '', small] = PLACE.exec(request.url ?? '') ?? [];
    const body = await textOf(request);
    if (request.method === 'POST') return this.#open(camera, session, body, response);
    if (request.method === 'GET') return this.#openMovie(camera, small !== undefined, response);
    const view = this.#views.get(session);
    if (request.method !== 'PATCH' || !view) throw new VigiaError('not_found', 'there is no such live session');
    for (const candidate of readCandidates(body)) view.addCandidate(candidate);
    response.writeHead(204).end();
  }

  async #open(camera: string, session: string, offer: string, response: ServerResponse): Promise<void> {
    const { peers, clock } = this.#o;
    // Also without a view: the viewer may leave before there is one.
    response.once('close', () => {
      this.#views.get(session)?.close();
      this.#views.delete(session);
    });
    const onEnd = (why: string): void => this.#ended(camera, response, why);
    const { units, small } = this.#streamsOf(camera);
    const streams = small === undefined ? [units] : [units, small];
    const { view, answer, origin } = await this.#admit(camera, streams, response, (from) =>
      View.open({ units: from, peers, offer, clock, onEnd }),
    );
    if (response.destroyed) {
      view.close();
      return;
    }
    this.#views.set(session, view);
    response.writeHead(201, {
      'content-type': 'application/sdp',
      [LIVE_ANSWER_HEADER]: Buffer.byteLength(answer),
      [RTP_ORIGIN_HEADER]: origin,
    });
    response.write(answer);
  }

  /** A viewer without WebRTC: its messages follow each other, each behind its length, until one end closes. */
  async #openMovie(camera: string, wantsSmall: boolean, response: ServerResponse): Promise<void> {
    const { units, small } = this.#streamsOf(camera);
    const stream = wantsSmall ? small : units;
    if (stream === undefined) throw new VigiaError('codec', `camera ${camera} has no other stream`);
    const send = (kind: MovieMessageKind, content: Buffer): void => {
      const head = Buffer.alloc(LENGTH_BYTES + 1);
      head.writeUInt32BE(content.byteLength + 1);
      head.writeUInt8(kind, LENGTH_BYTES);
      response.cork();
      response.write(head);
      response.write(content);
      response.uncork();
      // Its reader leaves out what a viewer cannot take in time. This one does not read.
      if (response.writableLength > LIVE_MEMORY.viewer) response.destroy();
    };
    const onEnd = (why: string): void => this.#ended(camera, response, why);
    const view = await this.#admit(camera, [stream], response, (from) =>
      MovieView.open({ units: from, clock: this.#o.clock, send, onEnd }),
    );
    if (response.destroyed) return view.close();
    this.#movies.add(view);
    response.once('close', () => {
      this.#movies.delete(view);
      view.close();
    });
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.flushHeaders();
    await view.run();
  }

  /**
   * Opens a view of the first of these streams whose coding this viewer has; it is read until the response closes.
   *
   * @throws VigiaError `busy`, and what `open` throws.
   */
  async #admit<T>(
    camera: string,
    streams: readonly string[],
    response: ServerResponse,
    open: (units: CameraUnits) => Promise<T>,
  ): Promise<T> {
    if (this.#viewers >= VIEWERS)
      throw new VigiaError('busy', `${VIEWERS} viewers look at this node; more are not served`);
    this.#viewers += 1;
    response.once('close', () => {
      this.#viewers -= 1;
    });
    for (const [i, socketPath] of streams.entries()) {
      const watched = this.#watch(camera, socketPath);
      const leave = (): void => this.#unwatch(watched);
      response.once('close', leave);
      try {
        return await open(watched.units);
      } catch (error) {
        if (codeOf(error) !== 'codec' || i === streams.length - 1 || response.destroyed) throw error;
        response.off('close', leave);
        leave();
      }
    }
    throw new VigiaError('not_found', `camera ${camera} has no stream`);
  }

  #ended(camera: string, response: ServerResponse, why: string): void {
    this.#o.log.debug(`camera ${camera}: a viewer is gone: ${why}`);
    response.end();
  }

  /** @throws VigiaError `not_found` */
  #streamsOf(camera: string): LiveCamera {
    const found = this.#cameras[camera];
    if (!found) throw new VigiaError('not_found', `there is no camera "${camera}" with live video`);
    return found;
  }

  #watch(camera: string, socketPath: string): Watched {
    let watched = this.#watched.get(socketPath);
    if (!watched) {
      const { clock, log } = this.#o;
      const units = new CameraUnits({ camera, socketPath, clock, log });
      watched = { units, socketPath, viewers: 0, lingering: undefined };
      this.#watched.set(socketPath, watched);
    }
    watched.lingering?.cancel();
    watched.viewers += 1;
    return watched;
  }

  #unwatch(watched: Watched): void {
    watched.viewers -= 1;
    if (watched.viewers > 0 || this.#watched.get(watched.socketPath) !== watched) return;
    watched.lingering = this.#o.clock.after(LINGER_MS, () => this.#forget(watched), { unref: true });
  }

  #forget(watched: Watched): void {
    watched.lingering?.cancel();
    watched.units.close();
    if (this.#watched.get(watched.socketPath) === watched) this.#watched.delete(watched.socketPath);
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (!(error instanceof VigiaError)) this.#o.log.error(`live video: ${messageOf(error)}`);
    if (response.headersSent || response.destroyed) return void response.destroy();
    const code = error instanceof VigiaError ? error.code : 'no_live';
    const message = error instanceof VigiaError ? error.message : 'live video failed; the log says why';
    response.writeHead(409, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }));
  }
}

/** @throws UsageError for a body that is too long. */
async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > SDP_LIMIT) throw new UsageError(`body: at most ${SDP_LIMIT / 1024} KiB are allowed`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}
