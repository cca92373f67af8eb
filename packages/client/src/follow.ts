import type { NodeEvent } from '@vigia/contracts';
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

const RETRY_MS = 1_000;
/** A message that says where a stream begins. It is no event of the node. */
const POSITION = 'position';

/** @returns {@link Follow} with a sender. */
export function followEvents(send: Sender): Follow {
  return async function* follow({ after, signal, onLost, retryMs = RETRY_MS } = {}) {
    let last = after;
    const ended = (): boolean => signal?.aborted === true;
    while (!ended()) {
      try {
        for await (const { id, event, data } of connection(send, last, signal)) {
          last = id;
          if (event !== POSITION) yield JSON.parse(data) as NodeEvent;
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
  };
}

async function* connection(
  send: Sender,
  last: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  const headers = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) };
  const reply = await send({ ...API.eventStream, headers, body: undefined, signal });
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
