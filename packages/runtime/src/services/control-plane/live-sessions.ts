import { randomBytes } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { type Clock, every, type Timer, UsageError, VigiaError } from '@vigia/base';
import { LIVE_ANSWER_HEADER, RTP_ORIGIN_HEADER, SDP_LIMIT } from '#core/live-link';

/** Of one process of the API. The process that has the video serves fewer. */
const SESSIONS = 256;
/** An answer needs the newest pictures of the camera, which come within an interval. Milliseconds. */
const ANSWER_MS = 10_000;
/** How often is looked whether viewers may still look. Milliseconds. */
const CHECK_MS = 2_000;

/** Somebody who may see the camera. */
export interface LiveAsk {
  /** Where the process answers that has the video. */
  readonly socketPath: string;
  readonly camera: string;
  /** Whether they may still see it. */
  readonly isStill: () => boolean;
}

/** What a viewer gets. */
export interface LiveAnswer {
  /** 22 characters that nobody can guess. */
  readonly session: string;
  /** SDP. */
  readonly answer: string;
  /** See `RTP_ORIGIN_HEADER`. */
  readonly origin: string;
}

interface Session {
  readonly ask: LiveAsk;
  readonly request: ClientRequest;
}

/**
 * Live views that were opened here. The request that opens one stays open for as long as it lasts: when this process ends, or
 * ends the request because its viewer may not look any more, the view ends at once.
 */
export class LiveSessions {
  readonly #clock: Clock;
  readonly #open = new Map<string, Session>();
  /** Cameras of the sessions that ended last, until their viewer says so, too: many close their connection first. */
  readonly #left = new Map<string, string>();
  #checks: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Opens a view over WebRTC.
   *
   * @param offer SDP.
   * @throws UsageError for an offer that cannot be used; VigiaError `camera_away`, `codec`, `busy`, `no_live`.
   */
  async open(ask: LiveAsk, offer: string): Promise<LiveAnswer> {
    const { session, request } = this.#begin('POST', ask);
    try {
      const response = await responseTo(request, offer);
      const { statusCode, headers } = response;
      if (statusCode !== 201) throw await refusalIn(response);
      const answer = await begun(response, Number(headers[LIVE_ANSWER_HEADER]));
      // The view lasts as long as this response, and nothing more comes in it.
      response.resume();
      return { session, answer, origin: String(headers[RTP_ORIGIN_HEADER]) };
    } catch (error) {
      request.destroy();
      throw error;
    }
  }

  /**
   * Opens a movie: messages as `MOVIE_MESSAGE` says, each behind its length. Its reader destroys it at the end.
   *
   * @throws VigiaError `camera_away`, `codec`, `busy`, `no_live`.
   */
  async movie(ask: LiveAsk, stream: 'main' | 'small' = 'main'): Promise<IncomingMessage> {
    const { request } = this.#begin('GET', ask, stream === 'small' ? '?stream=small' : '');
    try {
      const response = await responseTo(request, '');
      if (response.statusCode !== 200) throw await refusalIn(response);
      return response;
    } catch (error) {
      request.destroy();
      throw error;
    }
  }

  /**
   * Passes further addresses of a viewer on.
   *
   * @throws VigiaError `not_found` for a session that is not open; UsageError for lines that cannot be used.
   */
  async addCandidates(camera: string, session: string, lines: string): Promise<void> {
    const { ask } = this.#session(camera, session);
    const response = await responseTo(send('PATCH', ask, session), lines);
    if (response.statusCode !== 204) throw await refusalIn(response);
    response.resume();
  }

  /** Ends a view, once; also one that has just ended by itself. @throws VigiaError `not_found` for one that is not known. */
  end(camera: string, session: string): void {
    if (this.#left.get(session) !== camera) this.#session(camera, session).request.destroy();
    this.#open.delete(session);
    this.#left.delete(session);
  }

  /** Ends the views of those who may not look any more. */
  checkLogins(): void {
    for (const { ask, request } of this.#open.values()) if (!ask.isStill()) request.destroy();
  }

  /** A view, for as long as its request is open. @throws VigiaError `busy` */
  #begin(method: string, ask: LiveAsk, query = ''): { readonly session: string; readonly request: ClientRequest } {
    if (this.#open.size >= SESSIONS)
      throw new VigiaError('busy', `${SESSIONS} live views are open; more are not served`);
    const session = randomBytes(16).toString('base64url');
    const request = send(method, ask, `${session}${query}`);
    this.#open.set(session, { ask, request });
    request.once('close', () => {
      if (this.#open.delete(session)) this.#leave(session, ask.camera);
      if (this.#open.size > 0) return;
      this.#checks?.cancel();
      this.#checks = undefined;
    });
    this.#checks ??= every(this.#clock, CHECK_MS, () => this.checkLogins(), { unref: true });
    return { session, request };
  }

  #leave(session: string, camera: string): void {
    this.#left.set(session, camera);
    const [oldest] = this.#left.keys();
    if (oldest !== undefined && this.#left.size > SESSIONS) this.#left.delete(oldest);
  }

  #session(camera: string, session: string): Session {
    const found = this.#open.get(session);
    if (found?.ask.camera === camera) return found;
    throw new VigiaError('not_found', `there is no such live session of camera ${camera}`);
  }
}

function send(method: string, { socketPath, camera }: LiveAsk, session: string): ClientRequest {
  // A connection of its own: its end is the end of the view.
  const request = httpRequest({ socketPath, method, path: `/${camera}/${session}`, agent: false });
  request.setHeader('host', 'live');
  request.on('error', () => undefined);
  return request;
}

function responseTo(request: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const failed = (why: string, cause?: Error): void =>
      reject(new VigiaError('no_live', `the process that has live video does not answer (${why})`, { cause }));
    request.setTimeout(ANSWER_MS, () => request.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
    request.once('error', (error) => failed(error.message, error));
    request.once('close', () => failed('it closed the connection'));
    request.once('response', (response) => {
      request.setTimeout(0);
      response.on('error', () => undefined);
      resolve(response);
    });
    request.end(body);
  });
}

/** The first bytes of a response, which does not end with them. */
function begun(response: IncomingMessage, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (): void =>
      reject(new VigiaError('no_live', 'the answer of the process that has live video broke off'));
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size < bytes) return;
      response.off('data', take).off('close', fail);
      resolve(Buffer.concat(chunks).toString('utf8', 0, bytes));
    };
    if (!(bytes > 0 && bytes <= SDP_LIMIT)) fail();
    else response.on('data', take).once('close', fail);
  });
}

async function refusalIn(response: IncomingMessage): Promise<VigiaError> {
  let text = '';
  for await (const chunk of response) if (text.length < SDP_LIMIT) text += String(chunk);
  const { code, message } = JSON.parse(text) as { code: string; message: string };
  return code === 'usage' ? new UsageError(message) : new VigiaError(code, message);
}
