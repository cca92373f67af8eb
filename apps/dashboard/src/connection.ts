import type { AlarmOutcome, NodeEvent, NodeStatus, ResultMessage, SummaryMessage } from '@vigia/contracts';
import type { Me } from '@vigia/contracts/api';
import { type PictureMessage, readPictureMessage } from './picture-message.ts';
import { hasPictures } from './screen.ts';
import { text } from './texts.ts';

/** Between two requests for the status. */
const STATUS_EVERY_MS = 1000;
/** A request that takes longer is given up. */
const REQUEST_MS = 5000;
/** A stream without a heartbeat for so long is dead, even if its socket is open. */
export const SILENCE_MS = 4000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;
const STREAM = '/api/v1/stream?types=result,event,now,summary';
/** For who may see pictures. */
const PICTURES = ',picture&width=480&fps=2';

/** An answer over HTTP. `body` is null when it is no JSON. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** What the page needs of a browser. */
export interface Browser {
  /** By a clock that never jumps, milliseconds. */
  now(): number;
  /** Runs `then` once; the returned function cancels it. */
  after(ms: number, then: () => void): () => void;
  /** Rejects without an answer within `timeoutMs`. */
  request(method: string, path: string, options: RequestOptions): Promise<Reply>;
  openSocket(path: string, handlers: SocketHandlers): { close(): void };
  /** The page is in a tab that nobody sees. */
  hidden(): boolean;
}

/** See {@link Browser.request}. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly csrf?: string | null;
  /** The revision that must be in force. */
  readonly ifMatch?: number;
  readonly timeoutMs: number;
}

/** `closed` comes once, and last. */
export interface SocketHandlers {
  readonly opened: () => void;
  readonly text: (message: string) => void;
  readonly binary: (message: ArrayBuffer) => void;
  readonly closed: () => void;
}

/** Who hears what arrives. */
export interface Listener {
  /** `login`: the node wants one. `running`: a user, or nobody in particular, is known. */
  session(state: 'asking' | 'login' | 'running', me: Me | null): void;
  /** The stream began, or ended. */
  stream(open: boolean): void;
  now(at: string, monotonicMs: number): void;
  status(status: NodeStatus, askedMs: number): void;
  result(result: ResultMessage): void;
  event(event: NodeEvent): void;
  lost(): void;
  summary(summary: SummaryMessage): void;
  picture(picture: PictureMessage): void;
}

/** What became of a login. */
export type LoginOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'many'; readonly afterS: number }
  | { readonly kind: 'failed'; readonly why: string };

/**
 * One node: asks for its status every second, follows its stream, and connects again by itself, after 0.5 to 5 s.
 * Messages that break the protocol are dropped and counted.
 */
export class Connection {
  readonly #browser: Browser;
  readonly #listener: Listener;
  readonly #pictures: boolean;
  /** Messages that broke the protocol. */
  dropped = 0;
  #me: Me | null = null;
  #socket: { close(): void } | null = null;
  #heardMs = 0;
  #waitMs = FIRST_WAIT_MS;
  /** Counts logins: an answer to another one is not ours. */
  #session = 0;
  /** The login for which a status is being asked; null: none is. */
  #asking: number | null = null;
  #running = false;
  #closed = false;
  #timers = new Set<() => void>();

  /** @param pictures False: no pictures are asked for, even if the login may see them. */
  constructor(browser: Browser, listener: Listener, { pictures }: { readonly pictures: boolean } = { pictures: true }) {
    this.#browser = browser;
    this.#listener = listener;
    this.#pictures = pictures;
  }

  /** Asks who is logged in, then follows the node. Never rejects. */
  async start(): Promise<void> {
    const reply = await this.#request('GET', '/api/v1/me');
    if (this.#closed) return;
    if (reply?.status === 200) this.#run(reply.body as Me);
    else if (reply?.status === 401) this.#toLogin();
    else this.#later(this.#nextWait(), () => void this.start());
  }

  /** Ends everything: no listener is called afterwards. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  /** The page is seen again. */
  wake(): void {
    if (this.#running) void this.#askStatus();
  }

  async login(user: string, password: string): Promise<LoginOutcome> {
    const reply = await this.#request('POST', '/api/v1/login', { user, password });
    if (reply === undefined) return { kind: 'failed', why: refusalText(reply) };
    if (reply.status === 200) {
      this.#run(reply.body as Me);
      return { kind: 'done' };
    }
    const error = errorOf(reply);
    if (reply.status === 429) return { kind: 'many', afterS: error.retry_after_s ?? 10 };
    return reply.status === 401 ? { kind: 'wrong' } : { kind: 'failed', why: error.message };
  }

  /** Null when nobody is logged in any more; otherwise why not, for people: on a shared tablet the next one would be that user. */
  async logout(): Promise<string | null> {
    const reply = await this.#request('POST', '/api/v1/logout', {});
    if (reply === undefined || (reply.status >= 300 && reply.status !== 401)) return refusalText(reply);
    this.#toLogin();
    return null;
  }

  /** The page's clock stood still, or what it heard cannot be trusted: opens the stream again. */
  restart(): void {
    if (!this.#running || this.#me === null) return;
    this.#run(this.#me);
  }

  /** Null when the node took it; otherwise why not, for people. */
  async acknowledge(event: string, outcome: AlarmOutcome | null): Promise<string | null> {
    const found = outcome === null ? {} : { outcome };
    const session = this.#session;
    const reply = await this.#request('POST', `/api/v1/events/${encodeURIComponent(event)}/acknowledge`, found);
    if (reply?.status === 401 && session === this.#session) this.#toLogin();
    return reply?.status === 200 ? null : refusalText(reply);
  }

  #run(me: Me): void {
    this.#stop();
    this.#me = me;
    this.#running = true;
    this.#waitMs = FIRST_WAIT_MS;
    this.#listener.session('running', me);
    this.#open();
    this.#poll();
  }

  #toLogin(): void {
    if (this.#closed) return;
    this.#stop();
    this.#listener.session('login', null);
  }

  #stop(): void {
    this.#running = false;
    this.#session += 1;
    this.#me = null;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #poll(): void {
    if (!this.#browser.hidden()) void this.#askStatus();
    this.#later(STATUS_EVERY_MS, () => this.#poll());
  }

  async #askStatus(): Promise<void> {
    const session = this.#session;
    if (this.#asking === session) return;
    this.#asking = session;
    const askedMs = this.#browser.now();
    const reply = await this.#request('GET', '/api/v1/status');
    if (session !== this.#session) return;
    this.#asking = null;
    if (reply?.status === 401) this.#toLogin();
    else if (reply?.status === 200 && isStatus(reply.body)) this.#listener.status(reply.body, askedMs);
  }

  /** What this login may see may have changed: that is why a node ends a stream. */
  async #reopen(): Promise<void> {
    const session = this.#session;
    const reply = await this.#request('GET', '/api/v1/me');
    if (session !== this.#session) return;
    if (reply?.status === 401) return this.#toLogin();
    if (reply?.status !== 200) return this.#later(this.#nextWait(), () => void this.#reopen());
    this.#me = reply.body as Me;
    this.#listener.session('running', this.#me);
    this.#open();
  }

  #open(): void {
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#listener.stream(false);
      this.#later(this.#nextWait(), () => void this.#reopen());
    };
    const isCurrent = (): boolean => !ended && this.#socket === socket;
    const path = this.#pictures && hasPictures(this.#me) ? STREAM + PICTURES : STREAM;
    const socket = this.#browser.openSocket(path, {
      opened: () => isCurrent() && this.#listener.stream(true),
      text: (message) => isCurrent() && this.#take(message),
      binary: (message) => isCurrent() && this.#takeBinary(message),
      closed: end,
    });
    this.#socket = socket;
    this.#heardMs = this.#browser.now();
    const watch = (): void => {
      if (!isCurrent()) return;
      if (this.#browser.now() - this.#heardMs <= SILENCE_MS) this.#later(STATUS_EVERY_MS, watch);
      else {
        end();
        socket.close();
      }
    };
    this.#later(STATUS_EVERY_MS, watch);
  }

  #take(json: string): void {
    let message: { readonly type?: unknown } & Record<string, unknown>;
    try {
      message = JSON.parse(json);
    } catch {
      this.dropped += 1;
      return;
    }
    switch (message?.type) {
      case 'now':
        if (typeof message['at'] !== 'string' || typeof message['monotonic_ms'] !== 'number') break;
        this.#heardMs = this.#browser.now();
        this.#waitMs = FIRST_WAIT_MS;
        return this.#listener.now(message['at'], message['monotonic_ms']);
      case 'result':
        if (!isObject(message['result'])) break;
        return this.#listener.result(message['result'] as unknown as ResultMessage);
      case 'event':
        if (!isObject(message['event'])) break;
        return this.#listener.event(message['event'] as unknown as NodeEvent);
      case 'lost':
        return this.#listener.lost();
      case 'summary':
        if (!Array.isArray(message['answers']) || typeof message['at'] !== 'string') break;
        return this.#listener.summary(message as unknown as SummaryMessage);
      case undefined:
        break;
      // Kinds of messages are added within a version.
      default:
        return;
    }
    this.dropped += 1;
  }

  #takeBinary(message: ArrayBuffer): void {
    const picture = readPictureMessage(message);
    if (picture === undefined) this.dropped += 1;
    else this.#listener.picture(picture);
  }

  /** Undefined: no answer. */
  async #request(method: string, path: string, body?: unknown): Promise<Reply | undefined> {
    const options = { body, csrf: this.#me?.csrf ?? null, timeoutMs: REQUEST_MS };
    return this.#browser.request(method, path, options).catch(() => undefined);
  }

  #nextWait(): number {
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    return waitMs;
  }

  #later(ms: number, then: () => void): void {
    const cancel = this.#browser.after(ms, () => {
      this.#timers.delete(cancel);
      then();
    });
    this.#timers.add(cancel);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isStatus(value: unknown): value is NodeStatus {
  return isObject(value) && isObject(value['cameras']) && Array.isArray(value['alarms']);
}

/** Why the node did not do it, for people. @param reply Undefined: it did not answer. */
export function refusalText(reply: Reply | undefined): string {
  return reply === undefined ? text('sy.noanswer') : errorOf(reply).message;
}

/** What the node says of a refusal. `revision`: the one in force, where another one was expected. */
export function errorOf({ body, status }: Reply): { message: string; retry_after_s?: number; revision?: number } {
  const error = isObject(body) && isObject(body['error']) ? body['error'] : {};
  const message = typeof error['message'] === 'string' ? error['message'] : `HTTP ${status}`;
  const { retry_after_s: retry, revision } = error;
  return {
    message,
    ...(typeof retry === 'number' ? { retry_after_s: retry } : {}),
    ...(typeof revision === 'number' ? { revision } : {}),
  };
}
