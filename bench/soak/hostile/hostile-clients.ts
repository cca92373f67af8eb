import { connect, type Socket } from 'node:net';
import { systemClock } from '@vigia/base';
import type { Random } from '../container-fuzz/random.ts';
import { ForeignText } from './foreign.ts';
import type { OutputWatch } from './planted.ts';

const PATHS = [
  '/healthz',
  '/readyz',
  '/api/v1/status',
  '/api/v1/logs',
  '/api/v1/events',
  '/api/v1/report',
  '/metrics',
  '/api/v1/config',
  '/api/v1/stream',
  '/',
];
/** What follows is a name, or a value. */
const NAMED = [
  '/',
  '/api/v1/cameras/',
  '/api/v1/events?camera=',
  '/api/v1/logs?level=',
  '/api/v1/config?dry_run=1&file=',
];
/** Connections that are left open. */
const MOST_OPEN = 64;
/** Of an answer, characters. */
const MOST_READ = 2 ** 20;
/** An answer is read for so long. Milliseconds. */
const READ_MS = 300;

/** Half a surrogate pair cannot be encoded. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString('utf8');
}

/** It is only a question: nothing is changed. */
function yamlRequest(foreign: ForeignText): Buffer {
  const entry = `${JSON.stringify(foreign.next())}: { source: ${JSON.stringify(foreign.next())} }`;
  const body = Buffer.from(`version: 1\ncameras: { ${entry} }\n`);
  const head = 'PUT /api/v1/config?dry_run=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/yaml\r\n';
  return Buffer.concat([Buffer.from(`${head}Content-Length: ${body.byteLength}\r\n\r\n`), body]);
}

/** Bytes of a client that is none of ours. */
function clientBytes(random: Random): Buffer {
  const foreign = new ForeignText(random);
  const named = encodeURIComponent(wellFormed(foreign.line().slice(0, 200)));
  const path = random.once(2) ? random.of(PATHS) : `${random.of(NAMED)}${named}`;
  const request = `${random.of(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])} ${path} HTTP/1.1\r\nHost: x\r\n${random.once(3) ? `X: ${foreign.line().slice(0, 2_000)}\r\n` : ''}`;
  const ways: readonly (() => Buffer)[] = [
    () => Buffer.from(`${request}Content-Length: 0\r\n\r\n`),
    () => Buffer.from(`${request}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`),
    () => Buffer.from(`${request}Content-Length: ${random.of([1, 1_000_000, 99_999_999])}\r\n\r\nx`),
    () => Buffer.from(request),
    () => yamlRequest(foreign),
    () => random.mutated(Buffer.from(`${request}\r\n`)),
    () => random.bytes(random.int(1, 500)),
    () => Buffer.from(`${request}\r\n`.repeat(20)),
    () => Buffer.from(foreign.next()),
  ];
  return random.of(ways)();
}

/** Strangers that connect to a node's control socket. */
export class HostileClients {
  readonly #path: string;
  readonly #answers: OutputWatch;
  readonly #open: Socket[] = [];
  sent = 0;

  /** @param answers Hears what the node says to them. */
  constructor(path: string, answers: OutputWatch) {
    this.#path = path;
    this.#answers = answers;
  }

  /** One more of them. */
  send(random: Random): void {
    this.sent += 1;
    const socket = connect(this.#path);
    socket.on('error', () => undefined);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer = (answer + text).slice(0, MOST_READ)));
    // The head of an answer has line ends of two characters.
    socket.on('close', () => this.#answers.hear(`${answer.replaceAll('\r\n', '\n')}\n`));
    socket.write(clientBytes(random));
    if (random.once(4)) {
      this.#open.push(socket);
      if (this.#open.length > MOST_OPEN) this.#open.shift()?.destroy();
    } else systemClock.after(READ_MS, () => socket.destroy(), { unref: true });
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
