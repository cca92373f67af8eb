import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { repositoryFile } from '../../child.ts';
import type { SoakRun } from '../../soak-run.ts';

/** Changes the body of an answer of the node. */
export type Spoil = (body: Buffer, path: string) => Buffer;

const PAGE = `<!doctype html><meta charset="utf-8"><title>player</title>
<script type="importmap">{ "imports": { "hls.js": "/hls.mjs" } }</script>
<video muted playsinline width="320" height="180"></video>
<script type="module" src="/page.mjs"></script>`;

const FILES: Readonly<Record<string, string>> = {
  '/hls.mjs': 'node_modules/hls.js/dist/hls.mjs',
  '/page.mjs': 'bench/soak/recordings/player-page.mjs',
};
const PASSED_ON = ['range', 'if-range'] as const;
const LIMIT_MS = 20_000;

/** In front of a node: has the page with the player, and passes on everything below `/api/`. */
export class Front {
  readonly url: string;
  /** Statuses of the node's answers that are no success, with their paths. */
  readonly refused: string[] = [];
  readonly #node: string;
  #spoil: Spoil | undefined;

  private constructor(node: string, port: number) {
    this.#node = node;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Listens until the run ends. @param node The node's own address: `http://HOST:PORT`. */
  static async start({ scope }: SoakRun, node: string): Promise<Front> {
    const server = createServer((asked, reply) => void front.#answer(asked, reply));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const front = new Front(node, (server.address() as AddressInfo).port);
    scope.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    return front;
  }

  /** Changes what passes while `work` runs. */
  async spoilt<T>(spoil: Spoil, work: () => Promise<T>): Promise<T> {
    this.#spoil = spoil;
    try {
      return await work();
    } finally {
      this.#spoil = undefined;
    }
  }

  async #answer(asked: IncomingMessage, reply: ServerResponse): Promise<void> {
    const path = asked.url ?? '/';
    if (path.startsWith('/api/')) return this.#passOn(asked, reply);
    const file = FILES[path];
    reply.setHeader('content-type', file ? 'text/javascript' : 'text/html');
    if (file) reply.end(await readFile(repositoryFile(file)));
    else reply.writeHead(path === '/' ? 200 : 204).end(path === '/' ? PAGE : undefined);
  }

  #passOn(asked: IncomingMessage, reply: ServerResponse): void {
    const headers = Object.fromEntries(
      PASSED_ON.flatMap((name) => (asked.headers[name] === undefined ? [] : [[name, asked.headers[name]]])),
    );
    const further = request(`${this.#node}${asked.url}`, { headers, timeout: LIMIT_MS }, (answer) => {
      if ((answer.statusCode ?? 0) >= 300) this.refused.push(`${answer.statusCode} ${asked.url}`);
      if (this.#spoil) void this.#passSpoilt(this.#spoil, answer, reply, asked.url ?? '');
      else answer.pipe(reply.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    further.on('timeout', () => further.destroy());
    further.on('error', () => reply.destroy());
    reply.on('close', () => further.destroy());
    further.end();
  }

  async #passSpoilt(spoil: Spoil, answer: IncomingMessage, reply: ServerResponse, path: string): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk as Buffer);
    } catch {
      // The node cut it off, so the player is cut off too.
      reply.destroy();
      return;
    }
    const body = spoil(Buffer.concat(chunks), path);
    reply.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'content-length': body.byteLength }).end(body);
  }
}
