// Clients of a node's streams: half over Server-Sent Events, half over WebSockets. Argument: a ClientsSetup as JSON.
// Sends its counts when all are connected, and for each message.
import { connect, type Socket } from 'node:net';
import { systemClock } from '@vigia/base';
import { handshake } from '../support/text-frames.ts';
import type { ClientsSetup } from './stream-clients.ts';

const { port, clients, deaf } = JSON.parse(process.argv[2] ?? '') as ClientsSetup;
const PATH = '/api/v1/stream';
const MESSAGE = Buffer.from('"type":"result"');
/** Frames of RFC 6455: an empty ping of the node, and its answer under a mask of zeros. */
const PING = Buffer.from([0x89, 0]);
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
let messages = 0;
let closed = 0;
let connected = 0;
let sinceMs = systemClock.nowMs();

function send(): void {
  process.send?.({ messages, closed, seconds: (systemClock.nowMs() - sinceMs) / 1000 });
}

/** Counts messages by a text that each has. A text that two chunks share is not counted. */
function count(chunk: Buffer): void {
  for (let at = chunk.indexOf(MESSAGE); at >= 0; at = chunk.indexOf(MESSAGE, at + MESSAGE.length)) messages += 1;
}

/** A client that answers no ping is disconnected. */
function answer(socket: Socket, chunk: Buffer): void {
  if (chunk.includes(PING)) socket.write(PONG);
}

function open(number: number): void {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  const host = `127.0.0.1:${port}`;
  socket.write(`${number % 2 === 0 ? handshake(PATH, host) : `GET ${PATH} HTTP/1.1\r\nHost: ${host}\r\n`}\r\n`);
  socket.on('error', () => undefined).on('close', () => (closed += 1));
  socket.once('data', () => {
    connected += 1;
    if (number < deaf) socket.pause();
    else socket.on('data', count);
    if (number >= deaf && number % 2 === 0) socket.on('data', (chunk) => answer(socket, chunk));
    if (connected < clients) return;
    sinceMs = systemClock.nowMs();
    messages = 0;
    send();
  });
}

for (let number = 0; number < clients; number += 1) open(number);
process.on('message', send);
