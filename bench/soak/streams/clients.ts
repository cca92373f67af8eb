import { request } from 'node:http';
import { connect } from 'node:net';
import { sleep, systemClock, type Timer } from '@vigia/base';
import { createClient, type Sender } from '@vigia/client';
import type { NodeEvent } from '@vigia/contracts';
import { handshake, TextFrames } from '../../support/text-frames.ts';
import type { Random } from '../container-fuzz/random.ts';

/** Events of a connection before it is cut, at most; and the time until then, milliseconds. */
const MOST_EVENTS = 4;
const SHORT_MS = 10;
const RETRY_MS = 1;
const HOST = '127.0.0.1';

/** What one client has received. */
export interface Reader {
  readonly kind: 'SSE' | 'WebSocket';
  /** In order, with repetitions. */
  readonly ids: string[];
  readonly cuts: () => number;
  /** Resolves when the client has been cut often enough, and then has the last event. */
  readonly done: Promise<void>;
}

/** How a client reads, and until when. */
export interface Reading {
  readonly port: number;
  readonly random: Random;
  /** Events after this one. */
  readonly after: string;
  /** Connections that are cut. */
  readonly cuts: number;
  /** After the last cut: the event with which it ends. */
  readonly last: Promise<string>;
  readonly signal: AbortSignal;
}

/** The client of the project, over Server-Sent Events: `follow`, or `watch`, which reads everything. */
export function sseReader(reading: Reading, everything: boolean): Reader {
  const { after, signal, last } = reading;
  const ids: string[] = [];
  const cutter = new Cutter(reading);
  const end = new AbortController();
  const api = createClient({ send: cutter.sender });
  const options = { after, retryMs: RETRY_MS, signal: AbortSignal.any([signal, end.signal]) };
  const read = async (): Promise<void> => {
    const ending = endsWith(last, ids, cutter, () => end.abort());
    for await (const event of everything ? eventsOf(api.watch(options)) : api.follow(options)) {
      ids.push(event.id);
      cutter.heard();
      ending();
    }
  };
  return { kind: 'SSE', ids, cuts: () => cutter.cuts, done: read() };
}

/** A plain WebSocket, which goes on with `after=`. */
export function webSocketReader(reading: Reading): Reader {
  const { last, signal } = reading;
  const ids: string[] = [];
  const cutter = new Cutter(reading);
  let at = reading.after;
  const end = new AbortController();
  const read = async (): Promise<void> => {
    const ending = endsWith(last, ids, cutter, () => end.abort());
    while (!end.signal.aborted && !signal.aborted) {
      await connection(reading.port, at, cutter, (id, isEvent) => {
        at = id;
        if (isEvent) {
          ids.push(id);
          cutter.heard();
        }
        ending();
        return end.signal.aborted;
      });
      await sleep(systemClock, RETRY_MS, signal);
    }
  };
  return { kind: 'WebSocket', ids, cuts: () => cutter.cuts, done: read() };
}

interface Plan {
  /** Events after which the connection is cut. */
  left: number;
  readonly cutSoon: () => void;
}

/** Cuts connections, until there were enough: a short time after some events, or after a time without any. */
class Cutter {
  cuts = 0;
  readonly #reading: Reading;
  /** For the newest connection: an older one may close later. */
  #plan: Plan | undefined;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  get isDone(): boolean {
    return this.cuts >= this.#reading.cuts;
  }

  /** An event came. */
  heard(): void {
    const plan = this.#plan;
    if (plan) plan.left -= 1;
    if (plan?.left === 0) plan.cutSoon();
  }

  /** @returns ends the plan, because the connection has ended otherwise. */
  plan(cut: () => void): () => void {
    const { random } = this.#reading;
    if (this.isDone) return () => undefined;
    const cutNow = (): void => {
      this.cuts += 1;
      cut();
    };
    // One in four begins no answer, or has just begun it.
    const left = random.once(4) ? 0 : random.int(1, MOST_EVENTS);
    let ended = false;
    let timer: Timer | undefined;
    const cutSoon = (): void => {
      if (!ended) timer = systemClock.after(random.int(0, SHORT_MS), cutNow);
    };
    this.#plan = { left, cutSoon };
    if (left === 0) cutSoon();
    return () => {
      ended = true;
      timer?.cancel();
    };
  }

  /** Sends requests over connections that it cuts. */
  get sender(): Sender {
    return ({ method, path, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        const to = { host: HOST, port: this.#reading.port, method, path, headers, agent: false, signal } as const;
        const asked = request(to, (response) => resolve({ status: response.statusCode ?? 0, body: response }));
        const stop = this.plan(() => asked.destroy(new Error('cut')));
        asked.on('error', reject).on('close', stop);
        asked.end(body);
      });
  }
}

/** @returns to be called after each event: ends the client when it has the last one, and was cut often enough. */
function endsWith(last: Promise<string>, ids: readonly string[], cutter: Cutter, end: () => void): () => void {
  let wanted: string | undefined;
  const check = (): void => {
    const newest = ids.at(-1);
    if (wanted !== undefined && cutter.isDone && newest !== undefined && newest >= wanted) end();
  };
  void last.then((id) => {
    wanted = id;
    check();
  });
  return check;
}

async function* eventsOf(items: AsyncIterable<{ type: string; event?: NodeEvent }>): AsyncGenerator<NodeEvent> {
  for await (const item of items) if (item.event) yield item.event;
}

/** One connection of a WebSocket, until either end closes it. @param take Returns true to end it. */
function connection(
  port: number,
  after: string,
  cutter: Cutter,
  take: (id: string, isEvent: boolean) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const stop = cutter.plan(() => socket.destroy());
    socket
      .on('error', () => undefined)
      .on('close', () => {
        stop();
        resolve();
      });
    const frames = new TextFrames((text) => {
      const { type, id, event } = JSON.parse(text) as { type: string; id?: string; event?: NodeEvent };
      const known = type === 'event' ? event?.id : id;
      if (known !== undefined && !socket.destroyed && take(known, type === 'event')) socket.destroy();
    });
    socket.on('data', (chunk) => frames.take(chunk));
    socket.write(`${handshake(`/api/v1/stream?types=event,result&after=${after}`, `${HOST}:${port}`)}\r\n`);
  });
}
