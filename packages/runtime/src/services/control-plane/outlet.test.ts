import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Outlet, sseOutlet } from './outlet.ts';

let server: Server;
let client: Socket;
afterEach(() => {
  client.destroy();
  server.close();
});

/** A real stream over TCP, and its client. */
function opened(): Promise<Outlet> {
  return new Promise((resolve) => {
    server = createServer((_, response) => resolve(sseOutlet(response))).listen(0, '127.0.0.1', () => {
      client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.on('error', () => undefined);
      client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    });
  });
}

/** Sends so much that it waits in the kernel, but not in Node. */
function send(outlet: Outlet, kibibytes: number): void {
  for (let n = 0; n < kibibytes; n += 1) void outlet.send({ event: 'x', data: 'y'.repeat(1_000) });
}

async function beats(outlet: Outlet, count: number): Promise<number[]> {
  const seen: number[] = [];
  for (let n = 0; n < count; n += 1) {
    outlet.beat();
    seen.push(outlet.unanswered);
    send(outlet, 1);
    // The kernel of the other end acknowledges what it takes, up to 40 ms later.
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
  return seen;
}

test('a client that reads nothing is found by what its kernel takes, long before Node has to wait', async () => {
  const outlet = await opened();
  client.pause();
  send(outlet, 3_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await beats(outlet, 8)).at(-1)).toBeGreaterThan(3);
  client.resume();
  await expect.poll(async () => (await beats(outlet, 1))[0]).toBe(0);
});

test('one that reads, and one for which nothing waits, answer each beat', async () => {
  const outlet = await opened();
  client.resume();
  // One beat may come before the acknowledgement; two of them, 30 s, are what counts.
  expect(Math.max(...(await beats(outlet, 4)))).toBeLessThan(2);
  send(outlet, 3_000);
  expect(Math.max(...(await beats(outlet, 4)))).toBeLessThan(2);
});
