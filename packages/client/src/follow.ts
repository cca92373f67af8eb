import type { NodeEvent, NodeItem } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { errorOf } from './api-error.ts';
import { type ApiReply, type Sender, textOf } from './sender.ts';

/** Where to begin, and when to end. */
export interface FollowOptions {
  /** The last event that is already known. Without it: only what happens from now on. */
  readonly after?: string | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the connection was lost, before the next attempt. */
  readonly onLost?: ((error: unknown) => void) | undefined;
  /** Waits before the next attempt, milliseconds. Default 1000. */
  readonly retryMs?: number | undefined;
}

/** Yields events as they happen, without gaps or repetitions also over lost connections, until the signal. */
export type Follow = (options?: FollowOptions) => AsyncGenerator<NodeEvent, void>;

/** What to watch. */
export interface WatchOptions extends FollowOptions {
  /** Default: all. */
  readonly types?: readonly NodeItem['type'][] | undefined;
  /** Only what concerns this one. */
  readonly camera?: string | undefined;
}

/** An item of the node's stream, or how many results and statistics this client lost in all, because it is slow. */
export type WatchItem = NodeItem | { readonly type: 'lost'; readonly samples: number };

/** Yields results, statistics and events as they happen. Events come without gaps; results of a pause are gone. */
export type Watch = (options?: WatchOptions) => AsyncGenerator<WatchItem, void>;

const RETRY_MS = 1_000;
/** A message that says where a stream begins. It is no event of the node. */
const POSITION = 'position';

/** @returns {@link Follow} with a sender. */
export function followEvents(send: Sender): Follow {
  return async function* follow(options = {}) {
    for await (const { data } of resumed(send, API.eventStream.path, options)) yield JSON.parse(data) as NodeEvent;
  };
}

/** @returns {@link Watch} with a sender. */
export function watchNode(send: Sender): Watch {
  return async function* watch({ types, camera, ...options } = {}) {
    const query = new URLSearchParams({
      ...(types === undefined ? {} : { types: types.join(',') }),
      ...(camera === undefined ? {} : { camera }),
    });
    const path = query.size === 0 ? API.stream.path : `${API.stream.path}?${query.toString()}`;
    for await (const { data } of resumed(send, path, options)) yield JSON.parse(data) as WatchItem;
  };
}

/** The messages of a stream, over as many connections as it takes. */
async function* resumed(
  send: Sender,
  path: string,
  { after, signal, onLost, retryMs = RETRY_MS }: FollowOptions,
): AsyncGenerator<EventSourceMessage> {
  let last = after;
  const ended = (): boolean => signal?.aborted === true;
  while (!ended()) {
    try {
      for await (const message of connection(send, path, last, signal)) {
        last = message.id ?? last;
        if (message.event !== POSITION) yield message;
      }
      if (!ended()) onLost?.(new Error('the node closed the stream'));
    } catch (error) {
      if (ended()) return;
      // A refusal is refused again. Only a node that is full may have room later.
      if (isRefusal(error)) throw error;
      onLost?.(error);
    }
    await pause(retryMs, signal);
  }
}

async function* connection(
  send: Sender,
  path: string,
  last: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  const headers = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) };
  const reply = await send({ method: 'GET', path, headers, body: undefined, signal });
  if (reply.status !== 200) throw errorOf(reply.status, await textOf(reply));
  yield* messagesOf(reply);
}

async function* messagesOf({ body }: ApiReply): AsyncGenerator<EventSourceMessage> {
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => waiting.push(message) });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* waiting.splice(0);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status !== 503;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done);
  });
}
