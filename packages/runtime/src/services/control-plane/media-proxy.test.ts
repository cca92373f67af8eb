import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { passOn } from './media-proxy.ts';

let dir: string;
/** The process that has the recordings, and what it does. */
let footage: Server;
let answer: (asked: IncomingMessage, reply: ServerResponse) => void;
let api: FastifyInstance;
/** Awaited before a request is passed on. */
let before: (reply: FastifyReply) => Promise<unknown>;
let apiSocket: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-proxy-'));
  const footageSocket = join(dir, 'footage.sock');
  apiSocket = join(dir, 'api.sock');
  footage = createServer((asked, reply) => answer(asked, reply));
  await new Promise<void>((resolve) => footage.listen(footageSocket, resolve));
  before = () => Promise.resolve();
  api = fastify();
  api.setErrorHandler((error: Error, _asked, reply) => reply.code(500).send(error.message));
  api.get('/clip', (asked, reply) => passOn(footageSocket, 'hall', 'clip.mp4', asked, reply));
  api.post('/preview', async (asked, reply) => {
    await before(reply);
    return passOn(footageSocket, 'hall', 'preview', asked, reply, { a: 'task' });
  });
  await api.listen({ path: apiSocket });
});
afterEach(async () => {
  await api.close();
  footage.closeAllConnections();
  footage.close();
  rmSync(dir, { recursive: true, force: true });
});

function ask(method: string, path: string): ReturnType<typeof request> {
  return request({ socketPath: apiSocket, method, path, agent: false }).on('error', () => undefined);
}

async function answerTo(method: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const asked = ask(method, path);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

test('a question is passed on with its query; a task in a body', async () => {
  answer = (asked, reply) =>
    void text(asked).then((body) => reply.writeHead(503).end(`${asked.method} ${asked.url} ${body}`));
  expect(await answerTo('GET', '/clip?from=1')).toEqual({ status: 503, body: 'GET /hall/clip.mp4?from=1 ' });
  expect(await answerTo('POST', '/preview')).toEqual({ status: 503, body: 'POST /hall/preview {"a":"task"}' });
});

test('a client that leaves ends the work', async () => {
  const ended = new Promise<void>((resolve) => {
    answer = (_asked, reply) => {
      reply.once('close', resolve);
      asking.destroy();
    };
  });
  const asking = ask('POST', '/preview');
  asking.end();
  await ended;
});

test('work for a client that has left is not begun', async () => {
  let begun = 0;
  answer = (_asked, reply) => {
    begun += 1;
    reply.end();
  };
  const left = new Promise<void>((resolve) => {
    before = async ({ raw }) => {
      asking.destroy();
      await once(raw, 'close');
      resolve();
    };
  });
  const asking = ask('POST', '/preview');
  asking.end();
  await left;
  expect(await answerTo('GET', '/clip')).toMatchObject({ status: 200 });
  expect(begun).toBe(1);
});

test('an answer of unknown length that is cut off is cut off here too: it never ends as if it were whole', async () => {
  answer = (_asked, reply) => {
    reply.writeHead(200).write('some of it');
    setImmediate(() => reply.destroy());
  };
  const asked = ask('GET', '/clip');
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  expect(response.headers['transfer-encoding']).toBe('chunked');
  await expect(text(response)).rejects.toThrow('aborted');
  expect(response.complete).toBe(false);
});
