import type { ServerResponse } from 'node:http';
import { type Clock, every, type Log, messageOf, VigiaError } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import type { ControlledNode, NodeSubscription } from './controlled-node.ts';

/** Streams that may be open at the same time. */
const STREAMS = 64;
/** A comment in this interval shows both ends that the other one is there. */
const HEARTBEAT_MS = 15_000;
/** A client that reads nothing for this long is disconnected. It goes on where it was. */
const STUCK_MS = 30_000;
const PAGE = 500;

/** Options of {@link EventStreams}. */
export interface EventStreamsOptions {
  readonly node: ControlledNode;
  readonly clock: Clock;
  readonly log: Log;
}

/** Clients that read events as they happen (Server-Sent Events, html.spec.whatwg.org/multipage/server-sent-events.html). */
export class EventStreams {
  readonly #o: EventStreamsOptions;
  readonly #open = new Set<EventStream>();

  constructor(options: EventStreamsOptions) {
    this.#o = options;
  }

  /** @throws VigiaError `busy` when no further client fits. */
  checkRoom(): void {
    if (this.#open.size >= STREAMS)
      throw new VigiaError('busy', `${STREAMS} clients read events already; more are not served`);
  }

  /** Serves a client until one end closes. @param after The last event that the client has. */
  serve(response: ServerResponse, name: string, after: string | undefined): void {
    const stream = new EventStream(this.#o, response, name);
    this.#open.add(stream);
    response.once('close', () => {
      this.#open.delete(stream);
      stream.close();
    });
    stream.start(after);
  }
}

/** One client. */
class EventStream {
  readonly #o: EventStreamsOptions;
  readonly #response: ServerResponse;
  readonly #name: string;
  readonly #heartbeat: { cancel(): void };
  #subscription: NodeSubscription | undefined;
  /** The last event that was written, or where the stream begins. Later events have larger ids. */
  #last: string;
  /** Events that the subscription had dropped, because this client is slow, when it was last looked at. */
  #dropped = 0;

  constructor(options: EventStreamsOptions, response: ServerResponse, name: string) {
    this.#o = options;
    this.#response = response;
    this.#name = name;
    this.#last = options.node.newEventId();
    this.#heartbeat = every(options.clock, HEARTBEAT_MS, () => {
      if (!response.writableNeedDrain) response.write(':\n\n');
    });
  }

  start(after: string | undefined): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    if (after !== undefined) this.#last = after;
    // Where the stream begins: a client that is cut off before the first event goes on from here.
    this.#response.write(`id: ${this.#last}\nevent: position\ndata: {}\n\n`);
    const caughtUp = after === undefined ? Promise.resolve() : this.#catchUp();
    // What happens meanwhile waits in the subscription's queue.
    this.#subscription = this.#o.node.follow(
      this.#name,
      async (item) => {
        if (item.type !== 'event' || item.event.severity === 'debug') return;
        await caughtUp;
        await this.#fillGap();
        await this.#send(item.event);
      },
      () => this.#end('it left too many alarms unread'),
    );
  }

  close(): void {
    this.#heartbeat.cancel();
    this.#subscription?.close();
  }

  /** The queue keeps alarms, but drops other events of a client that is slow: the store has them. */
  async #fillGap(): Promise<void> {
    const dropped = this.#subscription?.droppedEvents() ?? 0;
    if (dropped === this.#dropped) return;
    this.#dropped = dropped;
    await this.#catchUp();
  }

  /** Sends what the store has after the last event. */
  async #catchUp(): Promise<void> {
    try {
      for (let more = true; more && !this.#response.closed; ) {
        const events: NodeEvent[] = await this.#o.node.events({ after: this.#last, limit: PAGE });
        for (const event of events) await this.#send(event);
        more = events.length > 0;
      }
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  /** Resolves when the client has room for more. */
  async #send(event: NodeEvent): Promise<void> {
    const response = this.#response;
    if (event.id <= this.#last || response.closed) return;
    this.#last = event.id;
    if (response.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`)) return;
    await new Promise<void>((resolve) => {
      const stuck = this.#o.clock.after(STUCK_MS, () => this.#end(`it read nothing for ${STUCK_MS / 1000} s`));
      const done = (): void => {
        stuck.cancel();
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  #end(why: string): void {
    if (this.#response.closed) return;
    this.#o.log.warn(`${this.#name} was disconnected: ${why}`);
    this.#response.destroy();
  }
}
