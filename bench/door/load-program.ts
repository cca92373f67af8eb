// A load on a node's HTTP port. Arguments: the port and a LoadKind. Sends `ready` when its connections are open and pages
// have pictures, then asks until it receives a message; when everything is answered, it sends its LoadCounts.
import { EventEmitter, once, setMaxListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { sleep, systemClock } from '@vigia/base';
import { handshake, TextFrames } from '../support/text-frames.ts';
import type { LoadKind } from './load.ts';

/** Requests that are sent at once over one connection. */
interface Batch {
  readonly text: string;
  readonly requests: number;
  /** How each expected answer begins. One that begins otherwise is waited for in vain, and the row fails. */
  readonly answer: string;
}

const [port, kind] = [Number(process.argv[2]), process.argv[3] as LoadKind];
const HOST = `127.0.0.1:${port}`;

const DOCUMENTS = 300;
const BAD_CONNECTIONS = 8;
const BAD_PER_SECOND = 11_000;
const BAD_PATHS = ['/api/v1/nothing', '/api/v1/cameras/nobody', '/nothing.html', '/api/v1/events?limit=x'];
/** How often each of them is in a batch. */
const BAD_TIMES = 25;

/** As in apps/dashboard/src/connection.ts. */
const PAGE_STREAM = '/api/v1/stream?types=result,event,now,picture&width=480&fps=2';
const PAGES = 20;
const STATUS_EVERY_MS = 1_000;
const REQUEST_MS = 5_000;
/** Of RFC 6455: opcodes, and the answer to a ping under a mask of zeros. */
const [BINARY, PING] = [2, 9];
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

const counts = { answers: 0, messages: 0, pictures: 0, ended: 0 };
const stop = new AbortController();
// Each page waits for it.
setMaxListeners(0, stop.signal);
process.once('message', () => stop.abort());

/** Ends early when the load is stopped. */
function pause(ms: number): Promise<void> {
  return sleep(systemClock, ms, stop.signal).catch(() => undefined);
}

function batchOf(paths: readonly string[], times: number, status: string): Batch {
  const text = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`).join('');
  return { text: text.repeat(times), requests: paths.length * times, answer: `HTTP/1.1 ${status}` };
}

async function open(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
}

/** Resolves when all are answered, or the node has closed the connection. */
function exchange(socket: Socket, { text, requests, answer }: Batch): Promise<void> {
  return new Promise((resolve) => {
    let [left, rest] = [requests, Buffer.alloc(0)];
    const done = (): void => {
      socket.off('data', take).off('close', done);
      resolve();
    };
    const take = (chunk: Buffer): void => {
      const bytes = Buffer.concat([rest, chunk]);
      const before = left;
      for (let at = bytes.indexOf(answer); at >= 0; at = bytes.indexOf(answer, at + 1)) left -= 1;
      // Too short for an answer that was counted.
      rest = bytes.subarray(1 - answer.length);
      counts.answers += before - left;
      if (left <= 0) done();
    };
    socket.on('data', take).on('close', done).write(text);
    if (socket.destroyed) done();
  });
}

/** Sends batches, each when the one before is answered, and after each what ends the connection, if given. */
async function lanes(number: number, perSecond: number, batch: Batch, last?: Batch): Promise<void> {
  let nextMs = 0;
  const lane = async (first: Socket): Promise<void> => {
    for (let socket = first; !stop.signal.aborted; ) {
      const nowMs = systemClock.nowMs();
      const atMs = Math.max(nowMs, nextMs);
      nextMs = atMs + ((batch.requests + (last?.requests ?? 0)) / perSecond) * 1000;
      if (atMs > nowMs) await pause(atMs - nowMs);
      if (socket.destroyed) socket = await open();
      await exchange(socket, batch);
      if (last && !socket.destroyed) await exchange(socket, last);
      if (last) socket.destroy();
    }
  };
  const sockets = await Promise.all(Array.from({ length: number }, open));
  await measured(() => Promise.all(sockets.map(lane)));
}

async function ask(path: string): Promise<void> {
  const answer = await fetch(`http://${HOST}${path}`, { signal: AbortSignal.timeout(REQUEST_MS) });
  await answer.arrayBuffer();
  if (answer.ok) counts.answers += 1;
}

/** Opens a page's stream; resolves with its first picture. @returns asks for the status each second. */
async function page(number: number): Promise<() => Promise<void>> {
  await ask('/api/v1/me');
  const stream = await open();
  const pictures = new EventEmitter();
  const onOther = (opcode: number): void => {
    if (opcode === PING) stream.write(PONG);
    if (opcode !== BINARY) return;
    counts.pictures += 1;
    pictures.emit('picture');
  };
  const frames = new TextFrames(() => (counts.messages += 1), onOther);
  stream.on('data', (chunk) => frames.take(chunk)).on('close', () => (counts.ended += 1));
  stream.write(`${handshake(PAGE_STREAM, HOST)}Origin: http://${HOST}\r\n\r\n`);
  await once(pictures, 'picture');
  return async () => {
    await pause((number / PAGES) * STATUS_EVERY_MS);
    while (!stop.signal.aborted)
      await Promise.all([ask('/api/v1/status').catch(() => undefined), pause(STATUS_EVERY_MS)]);
  };
}

async function measured(work: () => Promise<unknown>): Promise<void> {
  const fromMs = systemClock.nowMs();
  Object.assign(counts, { answers: 0, messages: 0, pictures: 0 });
  process.send?.('ready');
  await work();
  process.send?.({ ...counts, seconds: (systemClock.nowMs() - fromMs) / 1000 });
}

if (kind === 'pages') {
  const polls = await Promise.all(Array.from({ length: PAGES }, (_, number) => page(number)));
  await measured(() => Promise.all(polls.map((poll) => poll())));
} else if (kind === 'documents') {
  await lanes(1, Number.POSITIVE_INFINITY, batchOf(['/api/v1/openapi.json'], DOCUMENTS, '200'));
} else {
  const noRequest = { text: 'this is no request\r\n\r\n', requests: 1, answer: 'HTTP/1.1 400' };
  await lanes(BAD_CONNECTIONS, BAD_PER_SECOND, batchOf(BAD_PATHS, BAD_TIMES, '4'), noRequest);
}
