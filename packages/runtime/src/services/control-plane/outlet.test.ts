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

/** One beat, and something to take before the next. @returns beats without an answer. */
function beat(outlet: Outlet): number {
  outlet.beat();
  send(outlet, 1);
  return outlet.unanswered;
}

test('a client that reads nothing is found by what its kernel takes, long before Node has to wait', async () => {
  const outlet = await opened();
  client.pause();
  send(outlet, 3_000);
  await expect.poll(() => beat(outlet), { timeout: 10_000 }).toBeGreaterThan(3);
  client.resume();
  await expect.poll(() => beat(outlet), { timeout: 10_000 }).toBe(0);
});

test('one that reads answers: two beats without an answer, 30 s, are what counts', async () => {
  const outlet = await opened();
  let received = 0;
  client.on('data', (chunk: Buffer) => (received += chunk.byteLength));
  for (const before of [0, 1, 2, 3]) {
    send(outlet, 1_000);
    await expect.poll(() => received, { timeout: 10_000 }).toBeGreaterThan((before + 1) * 1_000_000);
    expect(beat(outlet)).toBeLessThan(2);
  }
});
