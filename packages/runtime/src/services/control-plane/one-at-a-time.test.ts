import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OneAtATime } from './one-at-a-time.ts';

let server: Server;
let working: string[];
let most: number;
let ended: number;
/** Answers wait for it. */
let open: Promise<void>;
let release: () => void;
const hold = (): void => {
  open = new Promise((resolve) => {
    release = resolve;
  });
};
beforeEach(async () => {
  [working, most, ended, open] = [[], 0, 0, Promise.resolve()];
  const turns = new OneAtATime();
  const answer = async ({ socket, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> => {
    await turns.wait(socket, response);
    working.push(url);
    most = Math.max(most, working.length);
    await open;
    working.splice(working.indexOf(url), 1);
    response.end(`${url} `);
  };
  server = createServer((request, response) => {
    answer(request, response).catch(() => (ended += 1));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function connection(): Socket {
  return connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
}
const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const manyFrom = (first: number, count: number): string =>
  Array.from({ length: count }, (_, n) => request(`/${first + n}`)).join('');

async function textUntil(socket: Socket, end: string): Promise<string> {
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.includes(end)) return text;
  }
  return text;
}

test('three hundred at once are answered one after the other, in their order', async () => {
  const socket = connection();
  socket.write(manyFrom(100, 300));
  const text = await textUntil(socket, '/399 ');
  expect([...text.matchAll(/\/(\d+) /g)].map((found) => Number(found[1]))).toEqual(
    Array.from({ length: 300 }, (_, n) => 100 + n),
  );
  expect(most).toBe(1);
});

test('connections do not wait for each other, and one that was quiet is answered at once', async () => {
  hold();
  const [one, other] = [connection(), connection()];
  for (const socket of [one, other]) socket.write(manyFrom(1, 2));
  await expect.poll(() => working.length).toBe(2);
  release();
  await Promise.all([textUntil(one, '/2 '), textUntil(other, '/2 ')]);
  expect(most).toBe(2);
  const third = connection();
  third.write(request('/a'));
  await textUntil(third, '/a ');
  const fourth = connection();
  fourth.write(request('/b'));
  expect(await textUntil(fourth, '/b ')).toContain('/b ');
});

test('a connection with too many requests is cut, and so is what waits on one that has gone', async () => {
  hold();
  const socket = connection();
  socket.write(manyFrom(1, 600));
  await once(socket, 'close');
  // One is being answered; those that waited, and the one too many, end without an answer.
  await expect.poll(() => ended).toBeGreaterThanOrEqual(513);
  release();
  await expect.poll(() => working).toEqual([]);
  const next = connection();
  next.write(request('/next'));
  expect(await textUntil(next, '/next ')).toContain('/next ');
});
