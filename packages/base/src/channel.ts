import {
  type AskOf,
  asChannelMessage,
  type ChannelMessage,
  type Handlers,
  type NoticeName,
  type NoticeOf,
  REFUSAL_LIMIT,
  type ReplyOf,
  type RequestName,
  type Schema,
  type Vocabulary,
} from './channel-protocol.ts';
import type { Clock, Timer } from './clock.ts';
import { codeOf, messageOf, VigiaError } from './errors.ts';

/** Why a request has no reply. The other end may refuse it with a code of its own besides. */
export type ChannelErrorCode =
  /** The other end did not answer within the deadline. */
  | 'no_answer'
  /** The caller's signal aborted. */
  | 'aborted'
  /** The message could not be sent. */
  | 'not_sent'
  /** The channel closed before the reply. */
  | 'channel_closed'
  /** Too many requests are open. */
  | 'channel_busy'
  /** The other end replied something that the schema does not allow. */
  | 'bad_reply'
  /** The other end found the request's body wrong. */
  | 'bad_request';

/** Hands a message to the other process. */
export interface ChannelPort {
  /** Calls `done` once: with null when the message has left this process, with an error when it never will. Must not throw. */
  send(message: object, done: (error: Error | null) => void): void;
}

/** Options of {@link Channel}. */
export interface ChannelOptions<Out extends Vocabulary, In extends Vocabulary> {
  /** Names the other end in errors: `camera hall`. */
  readonly peer: string;
  readonly port: ChannelPort;
  readonly clock: Clock;
  /** What this end may say. */
  readonly speaks: Out;
  /** What the other end may say. */
  readonly hears: In;
  readonly handlers: Handlers<In>;
  /** Something that the other end did wrong, or a notice that could not be sent. One call per message. */
  readonly onProblem: (problem: VigiaError) => void;
}

/** How long a request waits, and what ends the wait earlier. */
export interface RequestOptions {
  /** Milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A request that waits for its reply. */
interface Waiting {
  readonly name: string;
  readonly reply: Schema<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: VigiaError) => void;
  readonly timer: Timer;
  readonly stopListening: () => void;
}

const UNSENT_LIMIT = 128;
/** Requests of this end that may be open. */
const OPEN_LIMIT = 256;
/** Requests of the other end that may be open. */
const SERVED_LIMIT = 256;

/**
 * One end of a connection between two of our processes: requests with replies, and notices. Both ends check everything
 * that they receive against its schema. Each request ends exactly once: with its reply, or with one {@link VigiaError}
 * whose code is a {@link ChannelErrorCode} or the code of the other end's refusal. Owns a timer per open request.
 */
export class Channel<Out extends Vocabulary, In extends Vocabulary> {
  readonly #o: ChannelOptions<Out, In>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #served = new Map<number, AbortController>();
  #nextId = 1;
  #unsent = 0;
  /** Replies and refusals that the port has not taken. */
  #unreadAnswers = 0;
  #closed: string | undefined;
  #onFlushed: (() => void)[] = [];

  constructor(options: ChannelOptions<Out, In>) {
    this.#o = options;
  }

  /** Requests that wait for a reply, requests that are being served, and messages that have not left: all 0 after `close`. */
  get open(): { readonly waiting: number; readonly served: number; readonly unsent: number } {
    return {
      waiting: this.#waiting.size,
      served: this.#served.size,
      unsent: this.#closed === undefined ? this.#unsent : 0,
    };
  }

  /** Asks the other end. Rejects with a {@link VigiaError}; see {@link Channel} for its codes. */
  request<N extends RequestName<Out>>(name: N, ask: AskOf<Out, N>, options: RequestOptions): Promise<ReplyOf<Out, N>> {
    return new Promise<unknown>((resolve, reject) => {
      const refused = this.#whyNot(name, options.signal);
      if (refused) {
        reject(refused);
        return;
      }
      const id = this.#nextId;
      this.#nextId += 1;
      this.#waiting.set(id, this.#waitingFor(id, name, options, { resolve, reject }));
      this.#send({ type: 'request', id, name, body: ask }, (error) => this.#settle(id, error));
    }) as Promise<ReplyOf<Out, N>>;
  }

  /**
   * Sends a notice. False when it was dropped because the channel is closed or the other end does not read. A notice
   * that is lost later is reported as a problem.
   */
  notify<N extends NoticeName<Out>>(name: N, notice: NoticeOf<Out, N>): boolean {
    if (this.#closed !== undefined || this.#unsent >= UNSENT_LIMIT) return false;
    this.#send({ type: 'notice', name, body: notice }, (error) => this.#o.onProblem(error));
    return true;
  }

  /** Resolves when every message so far has left this process, or the channel is closed. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFlushed.push(resolve);
      this.#settleFlushed();
    });
  }

  /** Takes a message that arrived from the other end. Never throws. */
  receive(value: unknown): void {
    if (this.#closed !== undefined) return;
    const message = asChannelMessage(value);
    switch (message?.type) {
      case 'reply':
        this.#onReply(message.id, message.body);
        break;
      case 'refusal':
        this.#settle(message.id, new VigiaError(message.code, message.message));
        break;
      case 'notice':
        this.#onNotice(message.name, message.body);
        break;
      case 'request':
        void this.#serve(message.id, message.name, message.body);
        break;
      case 'withdrawn':
        this.#onWithdrawn(message.id);
        break;
      default:
        this.#problem('sent something that is not a message of this channel');
    }
  }

  /**
   * Rejects every open request with `channel_closed` and aborts every handler. Idempotent.
   *
   * @param why Completes "the channel to … is closed: ".
   */
  close(why: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    const error = this.#closedError();
    for (const id of this.#waiting.keys()) this.#settle(id, error);
    for (const controller of this.#served.values()) controller.abort(error);
    this.#served.clear();
    this.#settleFlushed();
  }

  #settleFlushed(): void {
    if (this.#unsent > 0 && this.#closed === undefined) return;
    for (const resolve of this.#onFlushed.splice(0)) resolve();
  }

  #waitingFor(
    id: number,
    name: RequestName<Out>,
    { deadlineMs, signal }: RequestOptions,
    promise: Pick<Waiting, 'resolve' | 'reject'>,
  ): Waiting {
    const { peer, clock, speaks } = this.#o;
    const giveUp = (code: ChannelErrorCode, message: string): void => {
      if (this.#settle(id, new VigiaError(code, message))) this.#send({ type: 'withdrawn', id }, () => undefined);
    };
    const onAbort = (): void => giveUp('aborted', `nobody waits for \`${name}\` of ${peer} any longer`);
    signal?.addEventListener('abort', onAbort, { once: true });
    return {
      ...promise,
      name,
      reply: (speaks.requests[name] as { reply: Schema<unknown> }).reply,
      timer: clock.after(deadlineMs, () =>
        giveUp('no_answer', `${peer} did not answer \`${name}\` within ${deadlineMs} ms`),
      ),
      stopListening: () => signal?.removeEventListener('abort', onAbort),
    };
  }

  #whyNot(name: string, signal: AbortSignal | undefined): VigiaError | undefined {
    const { peer } = this.#o;
    if (this.#closed !== undefined) return this.#closedError();
    if (signal?.aborted) return new VigiaError('aborted', `nobody waits for \`${name}\` of ${peer} any longer`);
    if (this.#waiting.size >= OPEN_LIMIT)
      return new VigiaError('channel_busy', `${peer} owes ${OPEN_LIMIT} replies; \`${name}\` was not sent`);
    if (this.#unsent >= UNSENT_LIMIT)
      return new VigiaError('not_sent', `${peer} does not read; \`${name}\` was not sent`);
    return undefined;
  }

  #closedError(): VigiaError<ChannelErrorCode> {
    return new VigiaError('channel_closed', `the channel to ${this.#o.peer} is closed: ${this.#closed ?? ''}`);
  }

  #send(message: ChannelMessage, failed: (error: VigiaError) => void, done?: () => void): void {
    if (this.#closed !== undefined) return;
    this.#unsent += 1;
    this.#o.port.send(message, (error) => {
      this.#unsent -= 1;
      done?.();
      this.#settleFlushed();
      if (!error || this.#closed !== undefined) return;
      const what = 'name' in message ? `\`${message.name}\`` : `a ${message.type}`;
      failed(
        new VigiaError('not_sent', `${what} could not be sent to ${this.#o.peer} (${messageOf(error)})`, {
          cause: error,
        }),
      );
    });
  }

  #onReply(id: number, body: unknown): void {
    const waiting = this.#waiting.get(id);
    // Withdrawn meanwhile: the reply and the withdrawal crossed each other.
    if (!waiting) return;
    const parsed = waiting.reply.safeParse(body);
    if (parsed.success) this.#settle(id, undefined, parsed.data);
    else {
      const text = `${this.#o.peer} answered \`${waiting.name}\` with something else: ${parsed.error.message}`;
      this.#settle(id, new VigiaError('bad_reply', text));
    }
  }

  /** Aborts the handler; what it returns later is dropped. */
  #onWithdrawn(id: number): void {
    const controller = this.#served.get(id);
    this.#served.delete(id);
    controller?.abort(new VigiaError('aborted', `${this.#o.peer} waits no longer`));
  }

  /** Ends a request. False when it had ended. */
  #settle(id: number, error: VigiaError | undefined, value?: unknown): boolean {
    const waiting = this.#waiting.get(id);
    if (!waiting) return false;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    waiting.stopListening();
    if (error) waiting.reject(error);
    else waiting.resolve(value);
    return true;
  }

  #onNotice(name: string, body: unknown): void {
    const { hears, handlers } = this.#o;
    if (!Object.hasOwn(hears.notices, name)) {
      this.#problem('sent a notice that this channel does not have');
      return;
    }
    const parsed = (hears.notices[name] as Schema<unknown>).safeParse(body);
    if (!parsed.success) {
      this.#problem(`sent a wrong \`${name}\`: ${parsed.error.message}`);
      return;
    }
    try {
      (handlers.notices as Record<string, (notice: unknown) => void>)[name]?.(parsed.data);
    } catch (error) {
      this.#problem(`sent a \`${name}\` that could not be handled (${messageOf(error)})`, error);
    }
  }

  /** Never rejects. */
  async #serve(id: number, name: string, body: unknown): Promise<void> {
    // Nor would it read a refusal.
    if (this.#unreadAnswers >= UNSENT_LIMIT) {
      this.#problem(`asks for \`${name}\` and does not read its replies`);
      return;
    }
    const asked = this.#asked(id, name, body);
    if ('code' in asked) {
      this.#answer({ type: 'refusal', id, ...asked });
      return;
    }
    const controller = new AbortController();
    this.#served.set(id, controller);
    const answer = await this.#handled(id, name, asked.ask, controller.signal);
    if (this.#served.get(id) === controller) this.#served.delete(id);
    if (!controller.signal.aborted) this.#answer(answer);
  }

  async #handled(id: number, name: string, ask: unknown, signal: AbortSignal): Promise<ChannelMessage> {
    const handlers = this.#o.handlers.requests as Record<string, (ask: unknown, signal: AbortSignal) => unknown>;
    try {
      return { type: 'reply', id, body: await handlers[name]?.(ask, signal) };
    } catch (error) {
      return refusal(id, codeOf(error) ?? 'internal', messageOf(error));
    }
  }

  #asked(id: number, name: string, body: unknown): { readonly ask: unknown } | { code: string; message: string } {
    const { hears } = this.#o;
    if (!Object.hasOwn(hears.requests, name)) return { code: 'bad_request', message: 'there is no such request' };
    if (this.#served.has(id)) return { code: 'bad_request', message: `request ${id} is open already` };
    if (this.#served.size >= SERVED_LIMIT)
      return { code: 'channel_busy', message: `${SERVED_LIMIT} requests are open` };
    const parsed = (hears.requests[name] as { ask: Schema<unknown> }).ask.safeParse(body);
    return parsed.success ? { ask: parsed.data } : refusal(id, 'bad_request', parsed.error.message);
  }

  #answer(answer: ChannelMessage): void {
    if (this.#closed !== undefined) return;
    this.#unreadAnswers += 1;
    const failed = (error: VigiaError): void => {
      this.#o.onProblem(error);
      // What could not be copied between processes has an error in its place.
      if (answer.type === 'reply') this.#send(refusal(answer.id, 'not_sent', error.message), () => undefined);
    };
    this.#send(answer, failed, () => {
      this.#unreadAnswers -= 1;
    });
  }

  #problem(what: string, cause?: unknown): void {
    this.#o.onProblem(new VigiaError('bad_message', `${this.#o.peer} ${what}`, { cause }));
  }
}

function refusal(id: number, code: string, message: string): ChannelMessage & { readonly type: 'refusal' } {
  const { code: longestCode, message: longestMessage } = REFUSAL_LIMIT;
  return { type: 'refusal', id, code: code.slice(0, longestCode), message: message.slice(0, longestMessage) };
}
